package vendor

import (
	"container/heap"
	"slices"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
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
	// Instead are the agreements that the proposal is to take the place of, by class.
	Instead map[string]string `json:"instead,omitempty"`
	// Agreement that the proposal was accepted with.
	Agreement *sla.Agreement `json:"agreement,omitempty"`
	// Of negotiation: the list prices of one instance by class, if they are not those of the proposal, how often it was
	// bettered, why not in which rounds, and the proposal that has taken its place.
	List      map[string]quantity.Rate `json:"list,omitempty"`
	Bettered  int                      `json:"bettered,omitempty"`
	Declined  map[int]sla.Refusal      `json:"declined,omitempty"`
	Successor string                   `json:"successor,omitempty"`
	Changed   time.Time                `json:"changed"`
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
	// successors are the proposals that take the place of an agreement, by the agreement.
	successors index
	// deployments are the agreements by what they are for.
	deployments index
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
		deciding: map[string]struct{}{}, successors: index{}, deployments: index{},
	}
}

// put makes a record the one that stands for its proposal.
func (l *ledger) put(record *proposalRecord) {
	// What takes the place of this agreement takes more or less when this one changes.
	if record.Agreement != nil {
		for id := range l.successors[record.Agreement.ID] {
			l.count(l.proposals[id], -1)
			defer func() { l.count(l.proposals[id], 1) }()
		}
	}
	if before := l.proposals[record.ID]; before != nil {
		l.drop(before)
	}
	l.proposals[record.ID] = record
	if record.Agreement != nil {
		l.agreements[record.Agreement.ID] = record
		l.deployments.add(record.Agreement.Deployment, record.Agreement.ID)
	}
	for _, agreement := range record.Instead {
		l.successors.add(agreement, record.ID)
	}
	l.count(record, 1)
}

// count adds what a proposal takes to the sums, once or minus once.
func (l *ledger) count(record *proposalRecord, times int) {
	held, used := l.takes(record)
	l.held, l.used = l.held.Plus(held.Times(times)), l.used.Plus(used.Times(times))
}

// takes is what a proposal takes beyond the agreements that it is to take the place of, while those are in force.
func (l *ledger) takes(record *proposalRecord) (held, used vendormodules.Usage) {
	held, used = record.use()
	for class, agreement := range record.Instead {
		shared := least(record.Uses[class], l.agreed(agreement, class))
		switch record.State {
		case sla.ProposalOffered:
			held = held.Plus(shared.Times(-1))
		case sla.ProposalObserved:
			if _, accepted := record.Agreement.Classes[class]; accepted {
				used = used.Plus(shared.Times(-1))
			}
		}
	}
	return held, used
}

// agreed is what a class takes under an agreement, nothing if that is not in force for it.
func (l *ledger) agreed(agreement, class string) vendormodules.Usage {
	record := l.agreements[agreement]
	if record == nil || record.State != sla.ProposalObserved {
		return vendormodules.Usage{}
	}
	if _, covers := record.Agreement.Classes[class]; !covers {
		return vendormodules.Usage{}
	}
	return record.Uses[class]
}

// serving are the agreements in force under which classes of a deployment are served, the latest for each, and what each
// class takes under them.
func (l *ledger) serving(
	deployment string, classes map[string]descriptors.Class,
) (agreements map[string]string, uses map[string]vendormodules.Usage) {
	if deployment == "" {
		return nil, nil
	}
	agreements, uses = map[string]string{}, map[string]vendormodules.Usage{}
	for id := range l.deployments[deployment] {
		record := l.agreements[id]
		if record.State != sla.ProposalObserved {
			continue
		}
		for class := range record.Agreement.Classes {
			_, asked := classes[class]
			former := l.agreements[agreements[class]]
			if asked && (former == nil || former.Agreement.Agreed.Before(record.Agreement.Agreed)) {
				agreements[class], uses[class] = id, record.Uses[class]
			}
		}
	}
	return agreements, uses
}

// least is what two usages have in common.
func least(one, other vendormodules.Usage) vendormodules.Usage {
	return vendormodules.Usage{
		Instances: min(one.Instances, other.Instances), Cores: min(one.Cores, other.Cores),
		Memory: min(one.Memory, other.Memory), Storage: min(one.Storage, other.Storage),
	}
}

// drop forgets a proposal and what it takes.
func (l *ledger) drop(record *proposalRecord) {
	l.count(record, -1)
	delete(l.proposals, record.ID)
	for _, agreement := range record.Instead {
		l.successors.remove(agreement, record.ID)
	}
	if record.Agreement != nil {
		delete(l.agreements, record.Agreement.ID)
		l.deployments.remove(record.Agreement.Deployment, record.Agreement.ID)
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

// standing are the resources that exist, or may, under an agreement, of some classes or of all. Copies outlive it. The
// caller holds the mutex.
func (a *Agent) standing(agreement *sla.Agreement, classes []string) (names []string) {
	for key := range a.located[agreement.Deployment] {
		record := a.resources[key]
		if len(classes) > 0 && !slices.Contains(classes, record.Status.Ref.Class) {
			continue
		}
		if record.Status.Copy == nil && record.Status.Agreement == agreement.ID && record.Status.State != vendormodules.ResourceGone {
			names = append(names, record.Status.Name)
		}
	}
	slices.Sort(names)
	return names
}
