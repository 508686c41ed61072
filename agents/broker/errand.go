package broker

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// pauseBetween is the time between tries of something that should have worked.
const pauseBetween = time.Second

// errand is a command to one vendor about one agreement.
type errand struct {
	// index of the agreement, among those of whoever sends the errand.
	index   int
	vendor  string
	message proto.Message
	// insist repeats the command, each time as a new one, until the vendor informs.
	insist bool
	err    error
}

// result is how an errand ended.
type result struct {
	index  int
	answer proto.Message
	err    error
}

// acceptance is the errand that asks a vendor to agree.
func acceptance(index int, agreement sla.Agreement) errand {
	return newErrand(index, agreement, agreement.ID+"-accept", proto.AcceptProposal, proto.Acceptance{Agreement: agreement})
}

// cancellation is the errand that makes a vendor hold nothing of an agreement any more, whatever it has heard of it.
func cancellation(index int, agreement sla.Agreement, command, name, reason string) errand {
	return newErrand(index, agreement, command, proto.Cancel, proto.Cancellation{
		Proposal: agreement.Proposal, Agreement: agreement.ID, Name: name, Reason: reason,
	})
}

func newErrand[C proto.Content](
	index int, agreement sla.Agreement, command string, performative proto.Performative, content C,
) errand {
	message := proto.Message{
		Performative: performative, Protocol: proto.ContractNet, Conversation: agreement.Call,
		Receiver: proto.Vendor(agreement.Vendor), Command: command,
	}
	err := proto.Encode(&message, content)
	return errand{index: index, vendor: agreement.Vendor, message: message, err: err}
}

// send runs errands at once. Their results can be read until stop, which ends those that are still under way and waits
// for that.
func (a *Agent) send(ctx context.Context, errands []errand) (results <-chan result, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	channel := make(chan result, len(errands))
	var running sync.WaitGroup
	for _, errand := range errands {
		running.Go(func() {
			answer, err := a.run(ctx, errand)
			channel <- result{errand.index, answer, err}
		})
	}
	return channel, func() {
		cancel()
		running.Wait()
	}
}

func (a *Agent) run(ctx context.Context, errand errand) (proto.Message, error) {
	if errand.err != nil {
		return proto.Message{}, errand.err
	}
	command := errand.message.Command
	for try := 1; ; try++ {
		answer, err := a.commands.Do(ctx, proto.SubjectCommand(errand.vendor), errand.message)
		if err != nil || answer.Performative == proto.Inform {
			return answer, err
		}
		refusal, _ := proto.AsRefusal(answer)
		unread := answer.Performative == proto.Refuse && refusal.Code == sla.RefusedUnavailable
		if !errand.insist && !unread {
			return answer, nil
		}
		a.Log.Warn("vendor does not do what it is asked; asking again", zap.String(services.FieldVendor, errand.vendor),
			zap.String(services.FieldCommand, command), zap.Error(refusal))
		if err := pause(ctx, min(time.Duration(try)*pauseBetween, time.Minute)); err != nil {
			return proto.Message{}, err
		}
		if !unread {
			errand.message.Command = command + "-" + strconv.Itoa(try+1)
		}
	}
}

// pause waits, or fails with the context's error if that ends first.
func pause(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reasonOf says in a sentence why a vendor's answer is not the one hoped for.
func reasonOf(vendor string, result result) string {
	if result.err != nil {
		return fmt.Sprintf("%s could not be asked: %s", vendor, result.err)
	}
	refusal, _ := proto.AsRefusal(result.answer)
	return fmt.Sprintf("%s: %s", vendor, refusal.Error())
}
