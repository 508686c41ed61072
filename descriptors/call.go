package descriptors

import (
	"time"

	"github.com/cloud-agency/agency/descriptors/lifecycle"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

// CallForProposals asks every vendor what it would provide of an application, at what price. It holds what a vendor
// needs for an offer and nothing more: neither the budget nor the selection, which would tell a vendor how much it may
// ask, nor the names of other vendors, nor what is to run on the machines.
type CallForProposals struct {
	// ID of the call; the conversation's id on the bus.
	ID string `json:"id" yaml:"id" validate:"required"`
	// Round of negotiation, from 1.
	Round      int               `json:"round" yaml:"round" validate:"min=1"`
	Currency   quantity.Currency `json:"currency" yaml:"currency" validate:"required"`
	Objectives Objectives        `json:"objectives,omitzero" yaml:"objectives,omitempty"`
	// ReplyBy is when the broker stops waiting.
	ReplyBy time.Time `json:"reply-by" yaml:"reply-by" validate:"required"`
	// Advisory calls bind nobody: the vendor holds no capacity and keeps nothing (GFD.193, section 4.4).
	Advisory bool `json:"advisory,omitempty" yaml:"advisory,omitempty"`
	// Deployment that the classes are to be changed or added in, empty for a new one. A vendor that serves a class there
	// already holds no more than what the change needs beyond that.
	Deployment string           `json:"deployment,omitempty" yaml:"deployment,omitempty"`
	Classes    map[string]Class `json:"classes" yaml:"classes" validate:"required,min=1"`
	// Counter is what is asked for instead of what the vendor proposed before; none in the first round.
	Counter *CounterOffer `json:"counter,omitempty" yaml:"counter,omitempty"`
}

// CounterOffer answers a proposal with other terms (GFD.193). It says nothing of what others propose.
type CounterOffer struct {
	// To is the id of the proposal that it answers.
	To string `json:"counter-offer-to" yaml:"counter-offer-to" validate:"required"`
	// Terms wanted, by class. Classes that are left out are to stay as proposed.
	Terms map[string]Terms `json:"terms" yaml:"terms" validate:"required,min=1"`
}

// Terms are what a counter-offer asks for of one class.
type Terms struct {
	// Unit is the most that one instance is to cost.
	Unit quantity.Rate `json:"unit" yaml:"unit"`
}

// Call derives the call for proposals from an application whose defaults are filled in.
func Call(application Application, id string, round int, replyBy time.Time) CallForProposals {
	classes := make(map[string]Class, len(application.Resources))
	for name, class := range application.Resources {
		class.Files, class.Run, class.Environment, class.UserData, class.Keys = nil, nil, nil, "", nil
		class.Input, class.Mapper, class.Combiner, class.Reducer = nil, "", "", ""
		class.Place.Vendors = VendorFilter{}
		classes[name] = class
	}
	return CallForProposals{
		ID: id, Round: round, Currency: application.Currency, Objectives: application.Objectives,
		ReplyBy: replyBy.UTC(), Classes: classes,
	}
}

// CallState is where a call for proposals stands.
type CallState string

// The states of a call.
const (
	CallOpen    CallState = "open"
	CallClosed  CallState = "closed"
	CallExpired CallState = "expired"
)

// CallStates is the call's state machine: open until a plan is accepted or given up (closed), or every proposal has
// run out (expired).
var CallStates = lifecycle.Table[CallState]{CallOpen: {CallClosed, CallExpired}}
