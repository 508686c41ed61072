package sla

import (
	"reflect"
	"time"

	"github.com/cloud-agency/agency/descriptors/lifecycle"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

// Proposal is one vendor's answer to a call: what it would provide of the classes asked for, how good, at what price,
// how firmly and until when. It may leave classes out; Refusals says why.
type Proposal struct {
	// ID is given by the vendor and unique for ever.
	ID     string `json:"id" yaml:"id" validate:"required"`
	Call   string `json:"call" yaml:"call" validate:"required"`
	Round  int    `json:"round" yaml:"round" validate:"min=1"`
	Vendor string `json:"vendor" yaml:"vendor" validate:"required"`
	// Module is the kind of cloud behind the vendor; for people, never for decisions.
	Module string `json:"module" yaml:"module"`
	Region string `json:"region,omitempty" yaml:"region,omitempty"`
	// Country is an ISO 3166-1 alpha-2 code.
	Country string `json:"country,omitempty" yaml:"country,omitempty"`
	// Currency of every price in the proposal.
	Currency quantity.Currency  `json:"currency" yaml:"currency" validate:"required"`
	Offers   map[string]Offer   `json:"offers" yaml:"offers" validate:"required,min=1,dive"`
	Refusals map[string]Refusal `json:"refusals,omitempty" yaml:"refusals,omitempty"`
	// Held says that the vendor keeps the capacity free until ValidUntil.
	Held bool `json:"held" yaml:"held"`
	// ValidUntil is when the vendor forgets the proposal, by its own clock.
	ValidUntil time.Time `json:"valid-until" yaml:"valid-until" validate:"required"`
	// Notes say what the vendor cannot keep that somebody might take for granted.
	Notes []string `json:"notes,omitempty" yaml:"notes,omitempty"`
}

// Offer is what a vendor would provide for one class.
type Offer struct {
	// Count of instances the price holds for; capacity is held for the maximum.
	Count quantity.Range `json:"count" yaml:"count"`
	// Unit is the price of one instance.
	Unit quantity.Rate `json:"unit" yaml:"unit"`
	// Availability promised of one instance.
	Availability quantity.Percent `json:"availability" yaml:"availability" validate:"gt=0,lte=1"`
	// ReadyIn is how long one instance takes from request to running.
	ReadyIn quantity.Duration `json:"ready-in" yaml:"ready-in"`
	// Flavor is what the vendor calls the size that serves the class.
	Flavor string `json:"flavor,omitempty" yaml:"flavor,omitempty"`
	// Resizes says that what stands of the class at the vendor is given the size asked for as it runs.
	Resizes bool `json:"resizes,omitempty" yaml:"resizes,omitempty"`
	// Public is when an instance has a public address; empty where the vendor does not say.
	Public []Public `json:"public,omitempty" yaml:"public,omitempty"`
}

// Same says whether another offer is on the same terms. When there are public addresses is told and no term: who knows
// offers without it can accept one.
func (o Offer) Same(other Offer) bool {
	o.Public, other.Public = nil, nil
	return reflect.DeepEqual(o, other)
}

// AtMinimum is the price of the smallest count, by which offers are ranked.
func (o Offer) AtMinimum() (quantity.Rate, error) { return o.Unit.Times(o.Count.Min) }

// AtMaximum is the price of the largest count, against which the budget is checked.
func (o Offer) AtMaximum() (quantity.Rate, error) { return o.Unit.Times(o.Count.Max) }

// RefusalCode says in one word why something was refused.
type RefusalCode string

// The refusal codes.
const (
	RefusedUnsupported RefusalCode = "unsupported" // the vendor has no such thing
	RefusedCapacity    RefusalCode = "no-capacity" // it has, but not enough is free
	RefusedQuota       RefusalCode = "quota"       // the account may not have so much
	RefusedPlacement   RefusalCode = "placement"   // it is not where it was asked for
	RefusedObjective   RefusalCode = "objective"   // it is not good enough
	RefusedPrice       RefusalCode = "price"       // the vendor goes no lower
	RefusedIsolation   RefusalCode = "isolation"   // it cannot be kept apart from others
	RefusedCurrency    RefusalCode = "currency"    // the vendor has no price in the currency asked for
	RefusedCredentials RefusalCode = "credentials" // a credential is needed and none is stored
	RefusedUnavailable RefusalCode = "unavailable" // the provider does not answer
	RefusedPermission  RefusalCode = "not-allowed" // the sender may not ask for this
	RefusedState       RefusalCode = "wrong-state" // not in the state that the thing is in
	RefusedNotFound    RefusalCode = "not-found"   // no such thing
	RefusedConflict    RefusalCode = "conflict"    // another has it, or it changed meanwhile
	RefusedBadRequest  RefusalCode = "bad-request" // the content makes no sense
	RefusedExpired     RefusalCode = "expired"     // it was, and no longer is
	RefusedInternal    RefusalCode = "internal"    // a fault of the one who answers
)

// Refusal says why something is not offered or not done, and what would be.
type Refusal struct {
	Code    RefusalCode `json:"code" yaml:"code" validate:"required"`
	Message string      `json:"message" yaml:"message"`
	// Hint is the way out, or the nearest thing that would be offered.
	Hint string `json:"hint,omitempty" yaml:"hint,omitempty"`
}

// Error implements error, so that a refusal can travel as one inside an agent.
func (r Refusal) Error() string {
	if r.Hint == "" {
		return r.Message
	}
	return r.Message + " (" + r.Hint + ")"
}

// ProposalState is where a proposal stands at its vendor.
type ProposalState string

// The states of a proposal. Tombstone is a proposal cancelled before the vendor heard of its acceptance, or never known
// at all: an acceptance that arrives after its cancellation must fail.
const (
	ProposalOffered    ProposalState = "offered"
	ProposalObserved   ProposalState = "observed"
	ProposalRefused    ProposalState = "refused"
	ProposalExpired    ProposalState = "expired"
	ProposalTombstone  ProposalState = "tombstone"
	ProposalTerminated ProposalState = "terminated"
	ProposalComplete   ProposalState = "complete"
)

// ProposalStates is the vendor's state machine of a proposal.
var ProposalStates = lifecycle.Table[ProposalState]{
	ProposalOffered:  {ProposalObserved, ProposalRefused, ProposalExpired, ProposalTombstone},
	ProposalRefused:  {ProposalTombstone},
	ProposalExpired:  {ProposalTombstone},
	ProposalObserved: {ProposalTerminated, ProposalComplete},
}
