package client_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// scriptedDeployer agrees to commands, and answers them again with the outcome once it has one.
type scriptedDeployer struct {
	a       *agency
	mutex   sync.Mutex
	outcome map[string]*proto.Outcome
	agreed  chan string
}

func newDeployer(a *agency) *scriptedDeployer {
	d := &scriptedDeployer{a: a, outcome: map[string]*proto.Outcome{}, agreed: make(chan string, 8)}
	a.answers("deployer", proto.SubjectDeployerCommand, func(message proto.Message) proto.Message {
		d.mutex.Lock()
		defer d.mutex.Unlock()
		known, repeated := d.outcome[message.Command]
		if !repeated {
			d.outcome[message.Command] = nil
			d.agreed <- message.Command
		}
		return proto.Ended(message, known)
	})
	return d
}

func (d *scriptedDeployer) end(command string, outcome proto.Outcome) {
	d.a.t.Helper()
	outcome.Command = command
	d.mutex.Lock()
	d.outcome[command] = &outcome
	d.mutex.Unlock()
	d.tell(proto.Event{Kind: proto.EventCommandDone, Name: "shop", Outcome: &outcome})
}

func (d *scriptedDeployer) tell(event proto.Event) {
	d.a.t.Helper()
	if err := d.a.peers["deployer"].Publish(d.a.t.Context(), event); err != nil {
		d.a.t.Fatal(err)
	}
}

func TestWaitTellsProgressAndTheEnd(t *testing.T) {
	a := newAgency(t, "deployer")
	deployer := newDeployer(a)
	operation, err := a.client.Remove(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if got := <-deployer.agreed; got != operation.ID {
		t.Fatalf("the deployer agreed to %s, the operation is %s", got, operation.ID)
	}
	deployer.tell(proto.Event{Kind: proto.EventDeploymentChanged, Name: "shop", Message: "shop is removing"})
	deployer.tell(proto.Event{Kind: proto.EventDeploymentChanged, Name: "other", Message: "other is running"})
	var told []string
	outcome, err := a.client.Wait(t.Context(), operation, func(event proto.Event) {
		told = append(told, event.Message)
		if event.Message == "shop is removing" {
			deployer.end(operation.ID, proto.Outcome{
				Deployment: &proto.DeploymentStatus{
					Descriptor: descriptors.Deployment{Currency: "EUR"}, State: descriptors.DeploymentRemoved,
				},
			})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Deployment == nil || outcome.Deployment.State != descriptors.DeploymentRemoved {
		t.Errorf("outcome %+v", outcome)
	}
	if !slices.Contains(told, "shop is removing") || slices.Contains(told, "other is running") {
		t.Errorf("told %q", told)
	}
}

func TestWaitGivenUpLeavesTheOutcomeUnknown(t *testing.T) {
	a := newAgency(t, "deployer")
	deployer := newDeployer(a)
	operation, err := a.client.Scale(t.Context(), "shop", "web", 4)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-deployer.agreed
		cancel()
	}()
	_, err = a.client.Wait(ctx, operation, func(proto.Event) {})
	wantError(t, err, client.Unknown)

	deployer.end(operation.ID, proto.Outcome{Refusal: &sla.Refusal{Code: sla.RefusedCapacity, Message: "sold out"}})
	_, err = a.client.Wait(t.Context(), operation, func(proto.Event) {})
	wantError(t, err, client.Refused)
}

func TestAnOperationIsFoundByItsID(t *testing.T) {
	a := newAgency(t, "deployer")
	deployer := newDeployer(a)
	var underWay proto.DeploymentList
	a.answers("deployer", proto.SubjectDeployerQuery, func(message proto.Message) proto.Message {
		return proto.Answer(message, proto.Inform, underWay)
	})
	operation, err := a.client.Remove(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.client.Operation(t.Context(), operation.ID)
	wantError(t, err, client.NotFound)

	underWay.Deployments = []proto.DeploymentStatus{{
		Descriptor: descriptors.Deployment{Name: "shop", Currency: "EUR"}, Operation: operation.ID, Since: time.Now(),
	}}
	running, err := a.client.Operation(t.Context(), operation.ID)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := a.client.Wait(t.Context(), running, func(proto.Event) {})
		ended <- err
	}()
	deployer.end(operation.ID, proto.Outcome{})
	if err := <-ended; err != nil {
		t.Fatal(err)
	}

	underWay.Deployments = nil
	past, err := a.client.Operation(t.Context(), operation.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.client.Wait(t.Context(), past, func(proto.Event) {}); err != nil {
		t.Fatal(err)
	}
	_, err = a.client.Operation(t.Context(), "01JUNKNOWN")
	wantError(t, err, client.NotFound)
}
