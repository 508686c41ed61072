package command_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/agents/command"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAbsent = errors.New("nobody is there")

// peer answers each ask as its script says, and lets a test tell events.
type peer struct {
	t      *testing.T
	script func(ctx context.Context, ask int, message proto.Message) (proto.Message, error)

	mutex  sync.Mutex
	asks   int
	wanted func(command string) bool
	handle func(proto.Message, proto.Event)
}

// Ask implements command.Peer.
func (p *peer) Ask(ctx context.Context, _ string, message proto.Message) (proto.Message, error) {
	p.mutex.Lock()
	p.asks++
	ask := p.asks
	p.mutex.Unlock()
	return p.script(ctx, ask, message)
}

// ListenIf implements command.Peer.
func (p *peer) ListenIf(
	_ context.Context, _ string, wanted func(string) bool, handle func(proto.Message, proto.Event),
) (func(), error) {
	p.wanted, p.handle = wanted, handle
	return func() {}, nil
}

// tell tells the end of a command as a vendor does.
func (p *peer) tell(vendor, id string, refusal *sla.Refusal) {
	if !p.wanted(id) {
		return
	}
	p.handle(proto.Message{Sender: proto.Vendor(vendor)}, proto.Event{
		Kind: proto.EventCommandDone, Outcome: &proto.Outcome{Command: id, Refusal: refusal},
	})
}

func asked() proto.Message {
	return proto.Message{
		Performative: proto.Request, Sender: proto.Agent(proto.RoleDeployer), Receiver: proto.Vendor("athens"), Command: "c-1",
	}
}

func outcome(message proto.Message) proto.Message {
	return proto.Answer(message, proto.Inform, proto.Outcome{Command: message.Command})
}

func give(t *testing.T, ctx context.Context, script func(*peer) func(context.Context, int, proto.Message) (proto.Message, error)) (proto.Message, *peer, error) {
	t.Helper()
	p := &peer{t: t}
	p.script = script(p)
	initiator, err := command.NewInitiator(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	defer initiator.Close()
	answer, err := initiator.Do(ctx, "vendor.athens.command", asked())
	return answer, p, err
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

type script = func(context.Context, int, proto.Message) (proto.Message, error)

func TestHowACommandEnds(t *testing.T) {
	busy := sla.Refusal{Code: sla.RefusedUnavailable, Message: "too much to do"}
	wrong := sla.Refusal{Code: sla.RefusedConflict, Message: "no"}
	for name, one := range map[string]struct {
		script func(*peer) script
		want   proto.Performative
		asks   int
	}{
		"informed at once": {func(*peer) script {
			return func(_ context.Context, _ int, message proto.Message) (proto.Message, error) {
				return outcome(message), nil
			}
		}, proto.Inform, 1},
		"agreed, then the event": {func(p *peer) script {
			return func(_ context.Context, _ int, message proto.Message) (proto.Message, error) {
				p.tell("athens", "c-1", nil)
				return message.Reply(proto.Agree), nil
			}
		}, proto.Inform, 1},
		"agreed, then the event of a failure": {func(p *peer) script {
			return func(_ context.Context, _ int, message proto.Message) (proto.Message, error) {
				p.tell("athens", "c-1", &wrong)
				return message.Reply(proto.Agree), nil
			}
		}, proto.Failure, 1},
		"the event before the answer": {func(p *peer) script {
			return func(ctx context.Context, _ int, _ proto.Message) (proto.Message, error) {
				p.tell("athens", "c-1", nil)
				<-ctx.Done() // the answer is lost
				return proto.Message{}, ctx.Err()
			}
		}, proto.Inform, 1},
		"agreed, the event lost": {func(*peer) script {
			return func(_ context.Context, ask int, message proto.Message) (proto.Message, error) {
				if ask < 3 {
					return message.Reply(proto.Agree), nil
				}
				return outcome(message), nil
			}
		}, proto.Inform, 3},
		"events of others and of other commands": {func(p *peer) script {
			return func(_ context.Context, ask int, message proto.Message) (proto.Message, error) {
				p.tell("oslo", "c-1", nil)
				p.tell("athens", "c-2", nil)
				p.handle(proto.Message{Sender: proto.Vendor("athens")}, proto.Event{Kind: proto.EventCommandDone})
				if ask < 2 {
					return message.Reply(proto.Agree), nil
				}
				return proto.Refusing(message, proto.Failure, wrong), nil
			}
		}, proto.Failure, 2},
		"absent, then there": {func(*peer) script {
			return func(_ context.Context, ask int, message proto.Message) (proto.Message, error) {
				if ask < 3 {
					return proto.Message{}, errAbsent
				}
				return outcome(message), nil
			}
		}, proto.Inform, 3},
		"too busy, then not": {func(*peer) script {
			return func(_ context.Context, ask int, message proto.Message) (proto.Message, error) {
				if ask < 2 {
					return proto.Refusing(message, proto.Refuse, busy), nil
				}
				return outcome(message), nil
			}
		}, proto.Inform, 2},
		"refused": {func(*peer) script {
			return func(_ context.Context, _ int, message proto.Message) (proto.Message, error) {
				return proto.Refusing(message, proto.Refuse, wrong), nil
			}
		}, proto.Refuse, 1},
		"not understood": {func(*peer) script {
			return func(_ context.Context, _ int, message proto.Message) (proto.Message, error) {
				return proto.Misunderstood(message, errors.New("what?")), nil
			}
		}, proto.NotUnderstood, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, p, err := give(t, bounded(t), one.script)
			if err != nil || answer.Performative != one.want || p.asks != one.asks {
				t.Errorf("%s, %v after %d asks, want %s after %d", answer.Performative, err, p.asks, one.want, one.asks)
			}
			if refusal, is := proto.AsRefusal(answer); one.want == proto.Failure && (!is || refusal.Code != wrong.Code) {
				t.Errorf("failed with %+v", refusal)
			}
		})
	}
}

func TestTheContextEndsACommand(t *testing.T) {
	for name, answer := range map[string]func(proto.Message) (proto.Message, error){
		"absent": func(proto.Message) (proto.Message, error) { return proto.Message{}, errAbsent },
		"agreed": func(message proto.Message) (proto.Message, error) { return message.Reply(proto.Agree), nil },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(bounded(t))
			_, _, err := give(t, ctx, func(*peer) script {
				return func(_ context.Context, _ int, message proto.Message) (proto.Message, error) {
					cancel()
					return answer(message)
				}
			})
			if !errors.Is(err, context.Canceled) || (name == "absent") != errors.Is(err, errAbsent) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestTwoWaitForOneCommand gives one command twice at a time; one event ends both.
func TestTwoWaitForOneCommand(t *testing.T) {
	p := &peer{t: t}
	both := make(chan struct{}, 2)
	p.script = func(_ context.Context, _ int, message proto.Message) (proto.Message, error) {
		both <- struct{}{}
		return message.Reply(proto.Agree), nil
	}
	initiator, err := command.NewInitiator(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer initiator.Close()
	var waiting sync.WaitGroup
	for range 2 {
		waiting.Go(func() {
			if answer, err := initiator.Do(bounded(t), "vendor.athens.command", asked()); err != nil || answer.Performative != proto.Inform {
				t.Errorf("%s, %v", answer.Performative, err)
			}
		})
	}
	<-both
	<-both
	if p.wanted("c-2") {
		t.Error("the end of a command is wanted that nobody gave")
	}
	p.tell("athens", "c-1", nil)
	waiting.Wait()
	if p.wanted("c-1") {
		t.Error("the end of a command is wanted that nobody waits for any more")
	}
}
