package vendor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

// TestIntentIsWrittenBeforeTheCloudIsAsked has the cloud look into the agent's store when it is called.
func TestIntentIsWrittenBeforeTheCloudIsAsked(t *testing.T) {
	h := newHouse(t, nil)
	agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
	orders := []order{
		orderFor(agreement, proto.VerbCreate, "web", 1), orderFor(agreement, proto.VerbStop, "web", 2),
		orderFor(agreement, proto.VerbDelete, "web", 3),
	}
	for _, made := range orders {
		var looked atomic.Bool
		h.cloud.script(once(string(made.Verb), func(ctx context.Context) error {
			looked.Store(true)
			entry, err := h.store.Get(ctx, "commands."+made.id)
			if err != nil {
				return err
			}
			resources, err := h.store.List(ctx, "resources.")
			if err == nil && (len(resources) != 1 || !strings.Contains(string(entry.Value), agreement.Deployment)) {
				err = fmt.Errorf("%d resources, command %s", len(resources), entry.Value)
			}
			return err
		}), nil)
		if h.done(made); !looked.Load() {
			t.Errorf("%s: the cloud was not asked", made.Verb)
		}
	}
}

// TestACommandWhoseEndIsNotWritten fails the commit of a command's end, whether or not it took hold: the command is done
// once, and its end is told.
func TestACommandWhoseEndIsNotWritten(t *testing.T) {
	for _, took := range []bool{true, false} {
		t.Run(fmt.Sprintf("took hold %t", took), func(t *testing.T) {
			var failing atomic.Bool
			h := newHouse(t, func(h *house) {
				h.log = zap.NewNop() // it fails on purpose
				h.options.Store = &flakyStore{fail: func() (bool, error) {
					if failing.CompareAndSwap(true, false) {
						return took, errors.New("the disk says nothing")
					}
					return true, nil
				}}
			})
			agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
			h.cloud.script(nil, once("create", func(context.Context) error {
				failing.Store(true)
				return nil
			}))
			create := orderFor(agreement, proto.VerbCreate, "web", 1)
			if status := h.done(create); status.State != vendormodules.ResourceRunning {
				t.Errorf("it is %s", status.State)
			}
			h.told("that it is done", func(event proto.Event) bool {
				return event.Kind == proto.EventCommandDone && event.Outcome.Command == create.id
			})
			if len(h.cloud.all()) != 1 {
				t.Errorf("there are %v", h.cloud.all())
			}
		})
	}
}

// TestACommandThatCannotBeWritten is not carried out, gets no end, and may come again.
func TestACommandThatCannotBeWritten(t *testing.T) {
	var failing atomic.Bool
	h := newHouse(t, func(h *house) {
		h.log = zap.NewNop() // it fails on purpose
		h.options.Store = &flakyStore{fail: func() (bool, error) {
			if failing.Load() {
				return false, errors.New("the disk is full")
			}
			return true, nil
		}}
	})
	agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
	create := orderFor(agreement, proto.VerbCreate, "web", 1)
	failing.Store(true)
	if answer := h.tell(create); answer.Performative != proto.Agree {
		t.Errorf("answered %s", answer.Performative)
	}
	if h.cloud.called("create") != 0 || len(h.list()) != 0 {
		t.Error("it was begun all the same")
	}
	failing.Store(false)
	h.done(create)
	stop := orderFor(agreement, proto.VerbStop, "web", 5)
	failing.Store(true)
	h.tell(stop)
	failing.Store(false)
	h.done(orderFor(agreement, proto.VerbStop, "web", 3)) // what was not written down has no place in the order
}
