package broker

import (
	"context"

	"github.com/cloud-agency/agency/agents/outbox"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// batch is changes that are made together or not at all, and the events that tell of them.
type batch struct {
	agent   *Agent
	changes []services.Change
	entries []outbox.Entry
}

func (a *Agent) batch() *batch { return &batch{agent: a} }

func (b *batch) add(change services.Change) { b.changes = append(b.changes, change) }

// tell lets an event be published once the batch is committed.
func (b *batch) tell(event proto.Event) {
	entry := b.agent.outbox.Entry(event)
	b.entries, b.changes = append(b.entries, entry), append(b.changes, entry.Change)
}

// commit makes the changes. The error wraps services.ErrRevision if somebody else was faster and nothing was changed;
// after any other what became of them is not known.
func (b *batch) commit(ctx context.Context) error {
	if err := b.agent.Store.Commit(ctx, b.changes...); err != nil {
		return err
	}
	b.agent.outbox.Committed(b.entries...)
	return nil
}
