package services

// The keys of log fields, the same in every agent and module.
const (
	FieldAgency       = "agency"
	FieldAgreement    = "agreement"
	FieldAttempt      = "attempt"
	FieldCall         = "call"
	FieldClass        = "class"
	FieldCommand      = "command"
	FieldConversation = "conversation"
	FieldCount        = "count"
	FieldDeployment   = "deployment"
	FieldDuration     = "duration"
	FieldKey          = "key"
	FieldName         = "name"
	FieldOperation    = "operation"
	FieldProposal     = "proposal"
	FieldReason       = "reason"
	FieldResource     = "resource"
	FieldState        = "state"
	FieldVendor       = "vendor"
)
