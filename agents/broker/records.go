package broker

import (
	"context"
	"fmt"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// books are the broker's records. Ids are ULIDs, so that a listing is in the order of time.
type books struct {
	calls       services.Table[callRecord]             // by call; changed by rounds of negotiation alone
	standings   services.Table[standing]               // by call
	names       services.Table[nameRecord]             // by deployment's name
	attempts    services.Table[attemptRecord]          // by call and attempt
	agreements  services.Table[sla.Agreement]          // by deployment and agreement
	deployments services.Table[descriptors.Deployment] // by deployment, as it was agreed on last
	formers     services.Table[descriptors.Deployment] // by deployment, as it was before that
	endings     services.Table[endingRecord]           // by deployment, while its agreements are being ended
}

func newBooks(store services.Store) books {
	return books{
		calls:       services.NewTable[callRecord](store, "call", "call", 1),
		standings:   services.NewTable[standing](store, "standing", "standing", 1),
		names:       services.NewTable[nameRecord](store, "name", "name", 1),
		attempts:    services.NewTable[attemptRecord](store, "attempt", "attempt", 1),
		agreements:  services.NewTable[sla.Agreement](store, "agreement", "agreement", 1),
		deployments: services.NewTable[descriptors.Deployment](store, "deployment", "deployment", 1),
		formers:     services.NewTable[descriptors.Deployment](store, "former", "deployment", 1),
		endings:     services.NewTable[endingRecord](store, "ending", "ending", 1),
	}
}

// callRecord is all that came of a call.
type callRecord struct {
	Offers  proto.Offers      `json:"offers"`
	Uploads map[string]string `json:"uploads,omitempty"`
	// Rounds of negotiation after the first, the oldest first. Only the last may have no end yet.
	Rounds []roundRecord `json:"rounds,omitempty"`
}

// standing is where a call stands.
type standing struct {
	proto.CallSummary
	// Command of the submission, with its sender.
	Command string `json:"command,omitempty"`
	// Until is when the last of the proposals has run out.
	Until time.Time `json:"until"`
	// Attempt under way; empty when there is none.
	Attempt string `json:"attempt,omitempty"`
	// Countering says that a vendor is considering a counter-offer.
	Countering bool `json:"countering,omitempty"`
	// Stands says that agreements of the deployment have not ended.
	Stands bool `json:"stands,omitempty"`
	// Change is the last call for a change of the deployment that was not taken yet, Base of such a call the one that it
	// is to take the place of.
	Change string `json:"change,omitempty"`
	Base   string `json:"base,omitempty"`
	// Released are the classes for which vendors were asked to end agreements, by agreement: whether they have is not
	// known, so nobody goes back to them.
	Released map[string][]string `json:"released,omitempty"`
}

// state is where the call stands at that time: one whose proposals have all run out has expired, written down or not.
func (s standing) state(now time.Time) descriptors.CallState {
	if s.State == descriptors.CallOpen && s.Attempt == "" && !s.Countering && !now.Before(s.Until) {
		return descriptors.CallExpired
	}
	return s.State
}

// holdsName says whether no other call may have the name.
func (s standing) holdsName(now time.Time) bool {
	return s.Stands || s.Attempt != "" || s.state(now) == descriptors.CallOpen
}

// nameRecord is the last call that a name was given to.
type nameRecord struct {
	Call string `json:"call"`
}

// attemptRecord is the broker's attempt to take a plan.
type attemptRecord struct {
	proto.Attempt
	// Command of the person's acceptance, with its sender.
	Command string `json:"command"`
	// OrNext tries the next plan when this one is undone.
	OrNext bool `json:"or-next,omitempty"`
	// Reserved of the budget: the price at the maximum of every range.
	Reserved quantity.Rate `json:"reserved"`
	Begun    time.Time     `json:"begun"`
	// Undoing is since when the attempt is being undone.
	Undoing time.Time `json:"undoing,omitzero"`
}

// attemptID is an attempt's id in the books.
func attemptID(call, attempt string) string { return call + "." + attempt }

func (r attemptRecord) id() string { return attemptID(r.Call, r.ID) }

// agreementID is an agreement's id in the books.
func agreementID(agreement sla.Agreement) string { return agreement.Deployment + "." + agreement.ID }

// endingRecord is the intent to end the agreements of a deployment.
type endingRecord struct {
	ID         string    `json:"id"`
	Call       string    `json:"call"`
	Name       string    `json:"name"`
	Deployment string    `json:"deployment"`
	Reason     string    `json:"reason,omitempty"`
	Begun      time.Time `json:"begun"`
	// Abandoned lets go of vendors that stay silent.
	Abandoned bool `json:"abandoned,omitempty"`
}

// versioned is a record together with the revision that the next change of it expects.
type versioned[T any] struct {
	record   T
	revision uint64
}

// load reads a record. The error wraps services.ErrNoKey where there is none, also for an id that somebody made up and
// that no key can have.
func load[T any](ctx context.Context, table services.Table[T], id string) (versioned[T], error) {
	key := table.Prefix() + id
	if services.CheckKey(key) != nil {
		return versioned[T]{}, fmt.Errorf("read %q: %w", key, services.ErrNoKey)
	}
	record, revision, err := table.Get(ctx, id)
	if err != nil {
		return versioned[T]{}, fmt.Errorf("read %s: %w", key, err)
	}
	return versioned[T]{record, revision}, nil
}

// values are the values of records.
func values[T any](records []services.Record[T], err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	result := make([]T, len(records))
	for i := range records {
		result[i] = records[i].Value
	}
	return result, nil
}
