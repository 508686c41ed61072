package vendor

import (
	"container/heap"
	"slices"
	"time"

	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// proposalRecord is a proposal as the vendor keeps it.
type proposalRecord struct {
	ID string `json:"id"`
	// Proposal as it was made; none for a tombstone of what was never heard of.
	Proposal sla.Proposal      `json:"proposal,omitzero"`
	State    sla.ProposalState `json:"state"`
	// Uses is what the maximum of each offered class takes of the capacity.
	Uses map[string]vendormodules.Usage `json:"uses,omitempty"`
	// Agreement that the proposal was accepted with.
	Agreement *sla.Agreement `json:"agreement,omitempty"`
	Changed   time.Time      `json:"changed"`
}

// use is what the proposal takes of the capacity as it stands: everything offered while it is offered, what was
// accepted while that is observed.
func (r *proposalRecord) use() (held, used vendormodules.Usage) {
	switch r.State {
	case sla.ProposalOffered:
		for _, use := range r.Uses {
			held = held.Plus(use)
		}
	case sla.ProposalObserved:
		for class := range r.Agreement.Classes {
			used = used.Plus(r.Uses[class])
		}
	}
	return held, used
}

// ledger is who holds what of the account's capacity. Every change of a proposal goes through it, so that the sums stay
// true without being counted anew for each call.
type ledger struct {
	proposals  map[string]*proposalRecord
	agreements map[string]*proposalRecord
	// answered remembers the reply to each call and round, so that being asked again changes nothing.
	answered   map[round]reply
	expiries   expiries
	held, used vendormodules.Usage
	// deciding are the proposals of which a decision is being written down, or was with an outcome that is not known:
	// they do not expire, and nothing new begins under them.
	deciding map[string]struct{}
	// lapsed are the offers that ran out and may still be in the store.
	lapsed []string
}

type round struct {
	call  string
	round int
}

// reply is what a call was answered with, until it runs out.
type reply struct {
	proposal *sla.Proposal
	refusal  *sla.Refusal
}

func newLedger() *ledger {
	return &ledger{
		proposals: map[string]*proposalRecord{}, agreements: map[string]*proposalRecord{}, answered: map[round]reply{},
		deciding: map[string]struct{}{},
	}
}

// put makes a record the one that stands for its proposal.
func (l *ledger) put(record *proposalRecord) {
	if before := l.proposals[record.ID]; before != nil {
		l.drop(before)
	}
	held, used := record.use()
	l.held, l.used = l.held.Plus(held), l.used.Plus(used)
	l.proposals[record.ID] = record
	if record.Agreement != nil {
		l.agreements[record.Agreement.ID] = record
	}
}

// drop forgets a proposal and what it takes.
func (l *ledger) drop(record *proposalRecord) {
	held, used := record.use()
	l.held, l.used = l.held.Plus(held.Times(-1)), l.used.Plus(used.Times(-1))
	delete(l.proposals, record.ID)
	if record.Agreement != nil {
		delete(l.agreements, record.Agreement.ID)
	}
}

// remember notes the reply to a call until it runs out.
func (l *ledger) remember(key round, value reply, until time.Time) {
	l.answered[key] = value
	heap.Push(&l.expiries, expiry{until, key, value.id()})
}

func (r reply) id() string {
	if r.proposal == nil {
		return ""
	}
	return r.proposal.ID
}

// expire lets go of the offers that have run out. An expired proposal is like one that was never made.
func (l *ledger) expire(now time.Time) {
	var undecided []expiry
	for len(l.expiries) > 0 && l.expiries[0].at.Before(now) {
		ended := heap.Pop(&l.expiries).(expiry)
		if _, deciding := l.deciding[ended.proposal]; deciding {
			undecided = append(undecided, ended)
			continue
		}
		delete(l.answered, ended.key)
		record := l.proposals[ended.proposal]
		if record != nil && sla.ProposalStates.Allows(record.State, sla.ProposalExpired) {
			l.drop(record)
			l.lapsed = append(l.lapsed, ended.proposal)
		}
	}
	for _, late := range undecided {
		heap.Push(&l.expiries, late)
	}
}

// expiry is when a reply to a call runs out.
type expiry struct {
	at       time.Time
	key      round
	proposal string
}

// expiries is a heap of them, the earliest first.
type expiries []expiry

func (e expiries) Len() int           { return len(e) }
func (e expiries) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e expiries) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *expiries) Push(value any) { *e = append(*e, value.(expiry)) }

// Pop implements heap.Interface.
func (e *expiries) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// standing are the resources that exist, or may, under an agreement. Copies outlive it.
func standing(resources map[string]*resourceRecord, agreement string) (names []string) {
	for _, record := range resources {
		if record.Status.Copy == nil && record.Status.Agreement == agreement && record.Status.State != vendormodules.ResourceGone {
			names = append(names, record.Status.Name)
		}
	}
	slices.Sort(names)
	return names
}
