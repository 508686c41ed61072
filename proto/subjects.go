package proto

// Subjects on which agents are spoken to.
const (
	SubjectBrokerCommand   = "broker.command"
	SubjectBrokerQuery     = "broker.query"
	SubjectDeployerCommand = "deployer.command"
	SubjectDeployerQuery   = "deployer.query"
	SubjectMonitorQuery    = "monitor.query"
	// SubjectRegister carries the newest register of who may act in which role, signed by the account.
	SubjectRegister = "register"
)

// SubjectCall is where a vendor is called for proposals.
func SubjectCall(vendor string) string { return "vendor." + vendor + ".cfp" }

// SubjectCommand is where a vendor takes acceptances, cancellations and requests.
func SubjectCommand(vendor string) string { return "vendor." + vendor + ".command" }

// SubjectQuery is where a vendor is asked questions.
func SubjectQuery(vendor string) string { return "vendor." + vendor + ".query" }

// SubjectEvent is where an agent says what happened. Name is the vendor's name, or the role of a singleton agent.
func SubjectEvent(name string, kind EventKind) string { return "evt." + name + "." + string(kind) }

// SubjectLog is where an agent's log entries of a level go.
func SubjectLog(name, level string) string { return "log." + name + "." + level }
