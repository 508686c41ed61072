package conformance

import (
	"context"
	"reflect"
	"strings"
	"time"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

const sectionEvents = "Events, logs, files"

func eventChecks() []check {
	return []check{
		{"the end of a command is told", sectionEvents, tellsEnds},
		{"events are signed, whole, and on subjects of its own", sectionEvents, soundEvents},
		{"events are kept in the stream", sectionEvents, keepsEvents},
	}
}

func tellsEnds(t *trial) {
	agreement := t.agree()
	create, _ := t.created(agreement)
	outcome := t.outcome(t.tell(create), create)
	event, told := t.listener.find(t, func(event proto.Event) bool {
		return event.Kind == proto.EventCommandDone && event.Outcome != nil && event.Outcome.Command == create.id
	})
	switch {
	case !told:
		t.fail("no %s came for a create within %s of its end", proto.EventCommandDone, t.Patience)
	case !reflect.DeepEqual(*event.Outcome, outcome):
		t.fail("the event has another outcome than the answer")
	case event.Deployment != agreement.Deployment:
		t.fail("the event is of deployment %q", event.Deployment)
	}
}

// soundEvents judges all events of the run.
func soundEvents(t *trial) {
	events, faults := t.listener.heard()
	if len(faults) > 0 {
		t.fail("%d of %d events: %s", len(faults), len(events)+len(faults), faults[0])
	}
	if len(events) == 0 {
		t.fail("no event came")
	}
}

func keepsEvents(t *trial) {
	events, _ := t.listener.heard()
	missing := map[string]proto.Event{}
	for _, event := range events {
		if event.Kind != proto.EventRefused {
			missing[event.ID] = event
		}
	}
	for deadline := time.Now().Add(t.Patience); len(missing) > 0 && time.Now().Before(deadline); t.pause(lookFirst) {
		t.forget(missing)
	}
	for _, event := range missing {
		t.fail("%d of %d events are not in the stream, such as a %s", len(missing), len(events), event.Kind)
	}
	if len(events) == 0 {
		t.fail("no event came")
	}
}

// forget leaves out the events that are in the stream.
func (t *trial) forget(missing map[string]proto.Event) {
	ctx, cancel := context.WithTimeout(t.ctx, t.Patience)
	defer cancel()
	err := t.client.Follow(ctx, bus.FollowOptions{Since: t.began}, func(event proto.Event) error {
		delete(missing, event.ID)
		return nil
	})
	if err != nil {
		t.fail("%s", err)
	}
}

// closingChecks look at what the whole run has left.
func closingChecks() []check {
	return []check{
		{"expired: accept fails, cancel is informed", sectionAcceptance, lapsed},
		{"nothing is left", sectionQuestions, nothingLeft},
		{"it tries nothing on the bus that it may not", sectionSubjects, staysWithinRights},
	}
}

func nothingLeft(t *trial) {
	if listed := t.resources(""); len(listed) > 0 {
		t.fail("%d resources are left of what was deleted, such as %s of deployment %s", len(listed), listed[0].Name, listed[0].Ref.Deployment)
	}
	if used := t.vendorStatus().Used; more(used, t.status.Used) {
		t.fail("capacity is used that was not before")
	}
}

func staysWithinRights(t *trial) {
	if seen := t.Bench.violations.list(); len(seen) > 0 {
		t.fail("the server refused %d of its attempts, such as to %s", len(seen), strings.ToLower(seen[0]))
	}
}
