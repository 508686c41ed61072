package conformance

import (
	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

const (
	sectionSubjects   = "Subjects and rights"
	sectionConnecting = "Connecting"
)

func presenceChecks() []check {
	return []check{
		{"is there on its three subjects", sectionConnecting, present},
		{"says what it is", "Questions", describes},
	}
}

// present looks that somebody listens on every subject, whatever is answered.
func present(t *trial) {
	for _, asked := range []struct {
		peer    *bus.Peer
		subject string
		message proto.Message
	}{
		{t.broker, proto.SubjectCall(t.name), t.callMessage(t.machines(1))},
		{t.broker, proto.SubjectCommand(t.name), made(t, proto.Cancel, proto.ContractNet, proto.Cancellation{Proposal: proto.FreshID()})},
		{t.client, proto.SubjectQuery(t.name), made(t, proto.QueryRef, proto.QueryProtocol, proto.Question{Topic: proto.TopicVendor})},
	} {
		answer := t.ask(asked.peer, asked.subject, asked.message)
		if answer.Performative == proto.Propose {
			if proposal, err := proto.Decode[sla.Proposal](answer); err == nil {
				t.proposals = append(t.proposals, proposal.ID)
			}
		}
	}
}

func describes(t *trial) {
	status := t.vendorStatus()
	switch description := status.Description; {
	case status.Name != t.name || !status.Present:
		t.fail("says that it is %q and present %t", status.Name, status.Present)
	case description == nil || description.Kind == "" || description.Version == "":
		t.fail("does not say its kind and version")
	case len(description.Types) == 0:
		t.fail("says that it has no type of resource")
	}
	entry, _ := t.broker.Register().Entry(t.Bench.vendor)
	if status.Sealing != entry.Sealing {
		t.fail("says that secrets are sealed to %q, the register says to %q", status.Sealing, entry.Sealing)
	}
}

// roleChecks have agents say what is not theirs to say.
func roleChecks() []check {
	type trespass struct {
		name    string
		who     proto.Identity
		subject func(string) string
		message func(*trial, sla.Proposal) proto.Message
	}
	accepts := func(t *trial, proposal sla.Proposal) proto.Message {
		return made(t, proto.AcceptProposal, proto.ContractNet, proto.Acceptance{Agreement: t.draft(proposal)})
	}
	cancels := func(t *trial, proposal sla.Proposal) proto.Message {
		return made(t, proto.Cancel, proto.ContractNet, proto.Cancellation{Proposal: proposal.ID})
	}
	orders := func(t *trial, proposal sla.Proposal) proto.Message {
		message := made(t, proto.Request, proto.RequestProtocol, proto.ResourceCommand{Verb: proto.VerbDelete, Agreement: proposal.ID})
		message.Command, message.Sequence = proto.FreshID(), 1
		return message
	}
	asks := func(t *trial, _ sla.Proposal) proto.Message {
		return made(t, proto.QueryRef, proto.QueryProtocol, proto.Question{Topic: proto.TopicVendor})
	}
	calls := func(t *trial, _ sla.Proposal) proto.Message { return t.callMessage(t.machines(1)) }
	var all []check
	for _, one := range []trespass{
		{"a client cannot accept", client, proto.SubjectCommand, accepts},
		{"a client cannot cancel", client, proto.SubjectCommand, cancels},
		{"a deployer cannot accept", deployer, proto.SubjectCommand, accepts},
		{"a broker cannot command resources", broker, proto.SubjectCommand, orders},
		{"a call belongs on the subject of calls", broker, proto.SubjectCommand, calls},
		{"a question belongs on the subject of questions", broker, proto.SubjectCall, asks},
		{"a command belongs on the subject of commands", deployer, proto.SubjectQuery, orders},
	} {
		all = append(all, check{one.name, sectionSubjects, func(t *trial) {
			proposal := t.propose(t.machines(1))
			peer := map[proto.Identity]*bus.Peer{broker: t.broker, deployer: t.deployer, client: t.client}[one.who]
			t.refused(t.ask(peer, one.subject(t.name), one.message(t, proposal)), proto.Refuse, sla.RefusedPermission)
			t.observed(t.draft(proposal))
		}})
	}
	return all
}
