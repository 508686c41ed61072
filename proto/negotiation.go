package proto

import (
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
)

// Counter asks the broker to answer a vendor's proposal with a counter-offer (request, client to broker). The broker
// answers with the offers, the last of whose rounds says what came of it.
type Counter struct {
	// Call is the call's id or the deployment's name.
	Call   string `json:"call"`
	Vendor string `json:"vendor"`
	descriptors.CounterOffer
}

// RoundState is where a round of negotiation stands.
type RoundState string

// The states of a round. All but the first are final, and in all but bettered and repeated the proposal before is the one
// that stands.
const (
	RoundAsked    RoundState = "asked"
	RoundBettered RoundState = "bettered" // the vendor has come down
	RoundRepeated RoundState = "repeated" // the vendor has proposed the same again
	RoundDeclined RoundState = "declined" // the vendor said no, or something that makes no sense
	RoundSilent   RoundState = "silent"   // the vendor did not answer in time
	RoundDropped  RoundState = "dropped"  // the call was no longer open when the answer came
)

// Round is one round of negotiation with one vendor, after the first.
type Round struct {
	// Round of the vendor, from 2.
	Round  int    `json:"round"`
	Vendor string `json:"vendor"`
	descriptors.CounterOffer
	Asked time.Time  `json:"asked"`
	State RoundState `json:"state"`
	// Before is what one instance of each of the classes cost, Now what it costs since; of a round that has not changed
	// that there is none.
	Before map[string]quantity.Rate `json:"before"`
	Now    map[string]quantity.Rate `json:"now,omitempty"`
	// Proposal that has taken the place of the one before.
	Proposal string       `json:"proposal,omitempty"`
	Refusal  *sla.Refusal `json:"refusal,omitempty"`
}
