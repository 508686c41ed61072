package broker

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// gathered is what the vendors answered to a call.
type gathered struct {
	// proposals that answer the call, ordered by vendor.
	proposals []sla.Proposal
	// refusals by vendor, of all that proposed nothing, or nothing that makes sense.
	refusals map[string]sla.Refusal
}

// vendors are the names of the enrolled vendors, sorted. The register is read anew for each call.
func (a *Agent) vendors() []string {
	names := a.Peer.Register().Vendors()
	slices.Sort(names)
	return names
}

// cfp makes the message that calls for proposals.
func cfp(call descriptors.CallForProposals) (proto.Message, error) {
	message := proto.Message{
		Performative: proto.CallForProposal, Protocol: proto.ContractNet, Conversation: call.ID, Round: call.Round,
		ReplyWith: call.ID, ReplyBy: call.ReplyBy, Receiver: proto.Identity{Role: proto.RoleVendor},
	}
	if err := proto.Encode(&message, call); err != nil {
		return proto.Message{}, refusalf(sla.RefusedBadRequest, "", "the call cannot be sent: %s", err)
	}
	return message, nil
}

// gather calls every vendor and returns what all of them answered, as soon as all have answered or are known to be
// absent, or else when the time to reply is over.
func (a *Agent) gather(ctx context.Context, call descriptors.CallForProposals, vendors []string) (gathered, error) {
	message, err := cfp(call)
	if err != nil {
		return gathered{}, err
	}
	subjects, vendorAt := make([]string, len(vendors)), make(map[string]string, len(vendors))
	for i, vendor := range vendors {
		subjects[i] = proto.SubjectCall(vendor)
		vendorAt[subjects[i]] = vendor
	}
	within, cancel := context.WithTimeout(ctx, a.ReplyWithin)
	defer cancel()
	replies := a.Peer.Gather(within, message, subjects, a.Reask)

	result := gathered{refusals: map[string]sla.Refusal{}}
	var silent []string
	var mutex sync.Mutex
	var readers sync.WaitGroup
	for range readersFor(len(vendors)) {
		readers.Go(func() {
			for reply := range replies {
				vendor := vendorAt[reply.Subject]
				proposal, refusal := judge(reply, vendor, call)
				mutex.Lock()
				switch {
				case refusal == nil:
					result.proposals = append(result.proposals, proposal)
				case errors.Is(reply.Err, context.DeadlineExceeded):
					silent = append(silent, vendor)
					fallthrough
				default:
					result.refusals[vendor] = *refusal
				}
				mutex.Unlock()
			}
		})
	}
	readers.Wait()
	if err := ctx.Err(); err != nil {
		return gathered{}, fmt.Errorf("gather proposals: %w", err)
	}
	slices.SortFunc(result.proposals, func(one, other sla.Proposal) int { return strings.Compare(one.Vendor, other.Vendor) })
	if len(silent) > 0 && !call.Advisory {
		a.dismissLate(message, silent)
	}
	return result, nil
}

// readersFor is how many goroutines read the answers of so many vendors: a few answers are read faster by one.
func readersFor(vendors int) int { return min(max(vendors/8, 1), runtime.GOMAXPROCS(0)) }

// judge makes of a reply the proposal that it is, or the reason why it is none.
func judge(reply bus.Reply, vendor string, call descriptors.CallForProposals) (sla.Proposal, *sla.Refusal) {
	if reply.Err != nil {
		refusal := refusalf(sla.RefusedUnavailable, "", "%s gave no answer: %s", vendor, reply.Err)
		switch {
		case errors.Is(reply.Err, bus.ErrAbsent):
			refusal.Message = vendor + " is not there"
		case errors.Is(reply.Err, context.DeadlineExceeded):
			refusal.Message = vendor + " did not answer in time"
		}
		return sla.Proposal{}, &refusal
	}
	if refusal, refused := proto.AsRefusal(reply.Message); refused {
		return sla.Proposal{}, &refusal
	}
	malformed := func(err error) (sla.Proposal, *sla.Refusal) {
		refusal := refusalf(sla.RefusedBadRequest, "", "%s answered something that is no proposal: %s", vendor, err)
		return sla.Proposal{}, &refusal
	}
	if reply.Message.Performative != proto.Propose {
		return malformed(fmt.Errorf("performative %s", reply.Message.Performative))
	}
	proposal, err := proto.Decode[sla.Proposal](reply.Message)
	if err == nil {
		err = proposal.Check(call)
	}
	if err == nil && proposal.Vendor != vendor {
		err = fmt.Errorf("it bears the name of %q", proposal.Vendor)
	}
	if err != nil {
		return malformed(err)
	}
	return proposal, nil
}

// farewellWithin is how long one vendor is told that its proposal was not taken. It runs out by itself anyway.
const farewellWithin = 10 * time.Second

// dismiss tells vendors that their proposals are not taken, so that they need not hold capacity for them any longer.
func (a *Agent) dismiss(offers proto.Offers, reason string, proposals []sla.Proposal) {
	if offers.Advisory {
		return
	}
	for i := range proposals {
		id, vendor := proposals[i].ID, proposals[i].Vendor
		a.works.begin("farewell."+id, func(ctx context.Context, _ <-chan struct{}) error {
			return a.rejectProposal(ctx, offers.Call, vendor, proto.Cancellation{Proposal: id, Reason: reason})
		})
	}
}

func (a *Agent) rejectProposal(ctx context.Context, call, vendor string, content proto.Cancellation) error {
	message := proto.Message{
		Performative: proto.RejectProposal, Protocol: proto.ContractNet, Conversation: call,
		Receiver: proto.Vendor(vendor), Command: content.Proposal + "-reject",
	}
	if err := proto.Encode(&message, content); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, farewellWithin)
	defer cancel()
	_, err := a.commands.Do(ctx, proto.SubjectCommand(vendor), message)
	return err
}

// dismissLate asks vendors that did not answer in time once more for the proposal that they may have made meanwhile,
// and rejects it.
func (a *Agent) dismissLate(message proto.Message, vendors []string) {
	for _, vendor := range vendors {
		a.works.begin(fmt.Sprintf("late.%s.%d.%s", message.Conversation, message.Round, vendor), func(ctx context.Context, _ <-chan struct{}) error {
			ctx, cancel := context.WithTimeout(ctx, farewellWithin)
			defer cancel()
			reply, err := a.Peer.Ask(ctx, proto.SubjectCall(vendor), message)
			if err != nil || reply.Performative != proto.Propose {
				return err
			}
			proposal, err := proto.Decode[sla.Proposal](reply)
			if err != nil {
				return err
			}
			return a.rejectProposal(ctx, message.Conversation, vendor,
				proto.Cancellation{Proposal: proposal.ID, Reason: "it came too late"})
		})
	}
}
