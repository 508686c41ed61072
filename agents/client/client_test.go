package client_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// agency is a bus with agents that answer as a test tells them to, and a client.
type agency struct {
	t      *testing.T
	client *client.Client
	peers  map[string]*bus.Peer
}

// newAgency enrols and connects the agents and a client.
func newAgency(t *testing.T, agents ...string) *agency {
	t.Helper()
	directory := t.TempDir()
	authority, err := bus.OpenAuthority(filepath.Join(directory, "authority"))
	if err != nil {
		t.Fatal(err)
	}
	agents = append(agents, "client.ada")
	credentials := make([]bus.Credentials, len(agents))
	for i, agent := range agents {
		identity, err := proto.ParseIdentity(agent)
		if err != nil {
			t.Fatal(err)
		}
		if credentials[i], err = authority.Enrol(identity); err != nil {
			t.Fatal(err)
		}
	}
	register, err := authority.Register()
	if err != nil {
		t.Fatal(err)
	}
	server, err := bus.StartServer(t.Context(), bus.ServerOptions{
		Authority: authority, Directory: filepath.Join(directory, "streams"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	a := &agency{t: t, peers: map[string]*bus.Peer{}}
	for i, agent := range agents {
		credentials[i].Register = register
		peer, err := bus.Connect(t.Context(), bus.Options{Server: server, Credentials: credentials[i]})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = peer.Close() })
		a.peers[agent] = peer
	}
	a.client = client.New(a.peers["client.ada"])
	return a
}

// answers makes an agent answer whatever it is sent on a subject.
func (a *agency) answers(agent, subject string, handle func(proto.Message) proto.Message) {
	a.t.Helper()
	accepts := map[proto.Performative][]proto.Role{}
	for _, performative := range []proto.Performative{
		proto.QueryRef, proto.Request, proto.AcceptProposal, proto.RejectProposal, proto.Cancel,
	} {
		accepts[performative] = []proto.Role{proto.RoleClient}
	}
	service, err := a.peers[agent].Serve(a.t.Context(), bus.Endpoint{
		Name: "scripted", Subject: subject, Accepts: accepts,
		Handle: func(_ context.Context, message proto.Message) proto.Message { return handle(message) },
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = service.Close() })
}

func wantError(t *testing.T, err error, class client.Class) {
	t.Helper()
	if got := client.ClassOf(err); got != class {
		t.Fatalf("class %d, want %d: %v", got, class, err)
	}
}

func TestNobodyThereIsUnreachable(t *testing.T) {
	a := newAgency(t)
	_, err := a.client.Vendors(t.Context())
	wantError(t, err, client.Unreachable)
	_, err = a.client.Submit(t.Context(), proto.Submission{Name: "shop"})
	wantError(t, err, client.Unreachable)
	_, err = a.client.Remove(t.Context(), "shop")
	wantError(t, err, client.Unreachable)
}

func TestRefusalsKeepTheirCodeMessageHintAndPlace(t *testing.T) {
	a := newAgency(t, "broker")
	a.answers("broker", proto.SubjectBrokerQuery, func(message proto.Message) proto.Message {
		refusal := sla.Refusal{Code: sla.RefusedNotFound, Message: "no call of shop", Hint: "submit one"}
		return proto.Refusing(message, proto.Refuse, refusal)
	})
	_, err := a.client.Offers(t.Context(), "shop")
	wantError(t, err, client.NotFound)
	known, is := err.(*client.Error) // what the method returns itself
	if !is || known.Message != "no call of shop" || known.Hint != "submit one" || known.At != "broker" {
		t.Errorf("got %#v", err)
	}
}

func TestClassesOfCodes(t *testing.T) {
	for code, want := range map[string]client.Class{
		string(sla.RefusedBadRequest): client.BadInput, string(sla.RefusedNotFound): client.NotFound,
		string(sla.RefusedCapacity): client.Refused, string(sla.RefusedCredentials): client.Refused,
		string(sla.RefusedPermission): client.Refused, string(sla.RefusedUnavailable): client.Unreachable,
		string(sla.RefusedInternal): client.Failed, client.CodeTimedOut: client.Unknown, client.CodeFailed: client.Failed,
		client.CodeBadInput: client.BadInput, client.CodeUnreachable: client.Unreachable,
	} {
		if got := (&client.Error{Code: code}).Class(); got != want {
			t.Errorf("%s: class %d, want %d", code, got, want)
		}
	}
}

func TestAPlanNotTakenComesWithItsAttempt(t *testing.T) {
	a := newAgency(t, "broker")
	a.answers("broker", proto.SubjectBrokerCommand, func(message proto.Message) proto.Message {
		return proto.Answer(message, proto.Failure, proto.Attempt{
			State: sla.AttemptUndone, Plan: sla.Plan{Rank: 2},
			Legs: []proto.AttemptLeg{{Agreement: sla.Agreement{Vendor: "oslo"}, State: proto.LegRefused, Reason: "sold out"}},
		})
	})
	attempt, err := a.client.Accept(t.Context(), "shop", 2)
	wantError(t, err, client.Refused)
	if want := "broker: plan 2 was not taken: oslo: sold out; the attempt is undone"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if attempt.State != sla.AttemptUndone {
		t.Errorf("attempt %q", attempt.State)
	}
}

// A listing that fits no message comes in pages, and without its last page it does not come at all.
func TestAListingIsWholeOrAnError(t *testing.T) {
	a := newAgency(t, "broker")
	const count = 5000
	calls := make([]proto.CallSummary, count)
	for i := range calls {
		calls[i] = proto.CallSummary{Call: fmt.Sprintf("%05d", i), Name: strings.Repeat("shop", 100)}
	}
	var broken atomic.Bool
	a.answers("broker", proto.SubjectBrokerQuery, func(message proto.Message) proto.Message {
		question, err := proto.Decode[proto.Question](message)
		if err != nil {
			return proto.Misunderstood(message, err)
		}
		if broken.Load() && question.Page.Start() != "" {
			return proto.Refusing(message, proto.Failure, sla.Refusal{Code: sla.RefusedInternal, Message: "the disk is full"})
		}
		var list proto.CallList
		place := func(call proto.CallSummary) string { return call.Call }
		if list.Calls, list.Next, err = proto.Fill(question.Page, place, proto.Rest(question.Page, place, calls)); err != nil {
			return proto.Misunderstood(message, err)
		}
		return proto.Answer(message, proto.Inform, list)
	})
	listed, err := a.client.Calls(t.Context())
	if err != nil || len(listed) != count || listed[0].Call != calls[count-1].Call {
		t.Fatalf("%d of %d calls, or not the newest first: %v", len(listed), count, err)
	}
	broken.Store(true)
	listed, err = a.client.Calls(t.Context())
	wantError(t, err, client.Failed)
	if len(listed) != 0 {
		t.Errorf("with an error came %d calls", len(listed))
	}
}

// What goes in circles is an error of the one who answers, and no wait without end.
func TestPagesInCirclesAreAnError(t *testing.T) {
	a := newAgency(t, "deployer")
	a.answers("deployer", proto.SubjectDeployerQuery, func(message proto.Message) proto.Message {
		return proto.Answer(message, proto.Inform, proto.DeploymentList{Next: "shop"})
	})
	_, err := a.client.Deployments(t.Context(), "")
	wantError(t, err, client.Failed)
	if known, is := err.(*client.Error); !is || known.At != "deployer" { // what the method returns itself
		t.Errorf("got %#v", err)
	}
}
