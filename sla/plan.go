package sla

import (
	"time"

	"github.com/cloud-agency/agency/descriptors/lifecycle"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

// Plan says which vendor's proposal serves which class. A plan is feasible: it serves every class, honours every
// placement and meets the objectives within the budget.
type Plan struct {
	Call string `json:"call" yaml:"call"`
	// Rank is the plan's place among those of its call, from 1, the best.
	Rank int `json:"rank" yaml:"rank"`
	// Legs are ordered by vendor.
	Legs []Leg `json:"legs" yaml:"legs"`
	// Price at the minimum of every range, PriceAtMaximum at the maximum.
	Price          quantity.Rate    `json:"price" yaml:"price"`
	PriceAtMaximum quantity.Rate    `json:"price-at-maximum" yaml:"price-at-maximum"`
	Availability   quantity.Percent `json:"availability" yaml:"availability"`
	// Remark says in a sentence why this plan stands where it does.
	Remark string `json:"remark,omitempty" yaml:"remark,omitempty"`
}

// Leg is one vendor's part of a plan.
type Leg struct {
	Vendor   string `json:"vendor" yaml:"vendor"`
	Proposal string `json:"proposal" yaml:"proposal"`
	// Classes taken from the proposal, sorted.
	Classes []string      `json:"classes" yaml:"classes"`
	Price   quantity.Rate `json:"price" yaml:"price"`
}

// AttemptState is where the broker's attempt to take a plan stands.
type AttemptState string

// The states of an attempt. Abandoned is a person's decision about a vendor that stays silent: it may still cost.
const (
	AttemptAccepting AttemptState = "accepting"
	AttemptCommitted AttemptState = "committed"
	AttemptUndoing   AttemptState = "undoing"
	AttemptUndone    AttemptState = "undone"
	AttemptAbandoned AttemptState = "abandoned"
)

// AttemptStates is the broker's state machine of an attempt: all legs, or visibly being undone.
var AttemptStates = lifecycle.Table[AttemptState]{
	AttemptAccepting: {AttemptCommitted, AttemptUndoing},
	AttemptUndoing:   {AttemptUndone, AttemptAbandoned},
}

// AgreementState has the names of WS-Agreement 1.0, section 7.1.
type AgreementState string

// The states of an agreement.
const (
	AgreementPending    AgreementState = "pending"
	AgreementObserved   AgreementState = "observed"
	AgreementComplete   AgreementState = "complete"
	AgreementTerminated AgreementState = "terminated"
	AgreementRejected   AgreementState = "rejected"
)

// AgreementStates is the state machine of an agreement. An observed agreement is never rejected (GFD.192).
var AgreementStates = lifecycle.Table[AgreementState]{
	AgreementPending:  {AgreementObserved, AgreementRejected, AgreementTerminated},
	AgreementObserved: {AgreementComplete, AgreementTerminated},
}

// GuaranteeState has the names of WS-Agreement 1.0, section 7.3.
type GuaranteeState string

// The states of a guarantee.
const (
	GuaranteeNotDetermined GuaranteeState = "not-determined"
	GuaranteeFulfilled     GuaranteeState = "fulfilled"
	GuaranteeViolated      GuaranteeState = "violated"
)

// Agreement is what one vendor and the person, through the broker, hold each other to.
type Agreement struct {
	// ID is given by the broker and unique for ever; it is the same at every repeat of the acceptance.
	ID       string `json:"id" yaml:"id" validate:"required"`
	Call     string `json:"call" yaml:"call" validate:"required"`
	Proposal string `json:"proposal" yaml:"proposal" validate:"required"`
	Vendor   string `json:"vendor" yaml:"vendor" validate:"required"`
	// Deployment is the id of what runs under the agreement.
	Deployment string `json:"deployment" yaml:"deployment" validate:"required"`
	// Classes are the offers taken from the proposal, by class.
	Classes    map[string]Offer `json:"classes" yaml:"classes" validate:"required,min=1"`
	State      AgreementState   `json:"state" yaml:"state"`
	Guarantees []Guarantee      `json:"guarantees,omitempty" yaml:"guarantees,omitempty"`
	Agreed     time.Time        `json:"agreed,omitzero" yaml:"agreed,omitempty"`
	Ended      time.Time        `json:"ended,omitzero" yaml:"ended,omitempty"`
}

// Guarantee is one promise of an agreement: a service level objective about a class.
type Guarantee struct {
	Class string `json:"class" yaml:"class"`
	// Metric is availability (AtLeast) or ready-in (AtMost).
	Metric  string            `json:"metric" yaml:"metric"`
	AtLeast quantity.Percent  `json:"at-least,omitempty" yaml:"at-least,omitempty"`
	AtMost  quantity.Duration `json:"at-most,omitempty" yaml:"at-most,omitempty"`
	State   GuaranteeState    `json:"state" yaml:"state"`
}

// Measurement is one reading of one resource.
type Measurement struct {
	// Metric is a name with its unit: cpu-seconds, memory-bytes, uptime-seconds, requests, ...
	Metric string    `json:"metric" yaml:"metric"`
	Value  float64   `json:"value" yaml:"value"`
	At     time.Time `json:"at" yaml:"at"`
}
