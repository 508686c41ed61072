package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// trial is one check under way. Its methods end it when the vendor does not do what the protocol says.
type trial struct {
	*suite
	ctx context.Context
	// proposals and agreements to cancel, and resources to delete, when the check is over.
	proposals  []string
	agreements []sla.Agreement
	// sequences are the last numbers used for each resource.
	sequences map[proto.ResourceRef]uint64
	owners    map[proto.ResourceRef]sla.Agreement
	// copies are the names of those to delete.
	copies []string
}

// verdict ends a check before its time.
type verdict struct {
	result Result
	reason string
}

// attempt runs a check to its verdict.
func (t *trial) attempt(run func(*trial)) (result Result, reason string) {
	defer func() {
		switch ended := recover().(type) {
		case nil:
		case verdict:
			result, reason = ended.result, ended.reason
		default:
			panic(ended)
		}
	}()
	run(t)
	return Passed, ""
}

func (t *trial) fail(format string, arguments ...any) {
	panic(verdict{Failed, fmt.Sprintf(format, arguments...)})
}

func (t *trial) notApplicable(format string, arguments ...any) {
	panic(verdict{NotApplicable, fmt.Sprintf(format, arguments...)})
}

// clean takes back what the check began, and says what could not be.
func (t *trial) clean() (left string) {
	sweep := func(run func(*trial)) {
		if result, reason := t.attempt(run); result == Failed && left == "" {
			left = "afterwards: " + reason
		}
	}
	for ref, agreement := range t.owners {
		sweep(func(t *trial) { t.finish(t.delete(agreement, ref)) })
	}
	for _, name := range slices.Clone(t.copies) {
		sweep(func(t *trial) { t.removeCopy(name) })
	}
	for _, agreement := range t.agreements {
		sweep(func(t *trial) {
			t.inform(t.cancel(proto.Cancellation{Proposal: agreement.Proposal, Agreement: agreement.ID}))
		})
	}
	for _, id := range t.proposals {
		sweep(func(t *trial) { t.cancel(proto.Cancellation{Proposal: id}) })
	}
	t.owners, t.agreements, t.proposals = nil, nil, nil
	return left
}

// ask sends a message and wants one answer, whatever it says.
func (t *trial) ask(peer *bus.Peer, subject string, message proto.Message) proto.Message {
	answer, err := t.asked(peer, subject, message)
	if err != nil {
		t.fail("%s on %s: %s", message.Performative, subject, err)
	}
	return answer
}

func (t *trial) asked(peer *bus.Peer, subject string, message proto.Message) (proto.Message, error) {
	ctx, cancel := context.WithTimeout(t.ctx, t.Patience)
	defer cancel()
	answer, err := peer.Ask(ctx, subject, message)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s", t.Patience)
	}
	return answer, err
}

// made is a message with a content.
func made[C proto.Content](t *trial, performative proto.Performative, protocol proto.Protocol, content C) proto.Message {
	message := proto.Message{Performative: performative, Protocol: protocol}
	if err := proto.Encode(&message, content); err != nil {
		t.fail("%s", err)
	}
	return message
}

// content is what an answer of that performative holds.
func content[C proto.Content](t *trial, answer proto.Message, performative proto.Performative) C {
	if answer.Performative != performative {
		t.fail("answered %s, not %s", said(answer), performative)
	}
	value, err := proto.Decode[C](answer)
	if err != nil {
		t.fail("%s: %s", performative, err)
	}
	return value
}

// said is an answer in a few words.
func said(answer proto.Message) string {
	if refusal, refused := proto.AsRefusal(answer); refused {
		return fmt.Sprintf("%s (%s: %s)", answer.Performative, refusal.Code, refusal.Message)
	}
	return string(answer.Performative)
}

// codes are all that a refusal may have.
var codes = []sla.RefusalCode{
	sla.RefusedUnsupported, sla.RefusedCapacity, sla.RefusedQuota, sla.RefusedPlacement, sla.RefusedObjective, sla.RefusedPrice,
	sla.RefusedIsolation, sla.RefusedCurrency, sla.RefusedCredentials, sla.RefusedUnavailable, sla.RefusedPermission,
	sla.RefusedState, sla.RefusedNotFound, sla.RefusedConflict, sla.RefusedBadRequest, sla.RefusedExpired, sla.RefusedInternal,
}

// refused wants an answer of that performative with a refusal in it, of one of the codes if any are given.
func (t *trial) refused(answer proto.Message, performative proto.Performative, wanted ...sla.RefusalCode) {
	if answer.Performative != performative {
		t.fail("answered %s, not %s", said(answer), performative)
	}
	refusal, err := proto.Decode[sla.Refusal](answer)
	if err != nil {
		outcome, outcomeErr := proto.Decode[proto.Outcome](answer)
		if outcomeErr != nil || outcome.Refusal == nil {
			t.fail("%s without a refusal: %s", performative, err)
		}
		refusal = *outcome.Refusal
	}
	switch {
	case !slices.Contains(codes, refusal.Code):
		t.fail("%s with code %q, which is none", performative, refusal.Code)
	case len(wanted) > 0 && !slices.Contains(wanted, refusal.Code):
		t.fail("%s with code %s, not %s", performative, refusal.Code, wanted[0])
	case refusal.Message == "":
		t.fail("%s %s without a message for people", performative, refusal.Code)
	}
}

// machines asks for a number of instances of what the vendor has.
func (t *trial) machines(count int) descriptors.CallForProposals {
	class := t.class()
	if class.Type == descriptors.Compute {
		class.Count = quantity.Range{Min: count, Max: count}
	} else if count > 1 {
		t.notApplicable("%s has no machines, of which a class may have several", t.name)
	}
	return t.callFor(map[string]descriptors.Class{"web": class})
}

// SmallMachine is a class of one machine that is as small as can be, and yet has room for a web server with all that
// looks for its faults.
func SmallMachine(image string) descriptors.Class {
	return descriptors.Class{
		Type: descriptors.Compute, Image: image, Cores: 1, Memory: 128 * quantity.MiB, Count: quantity.Range{Min: 1, Max: 1},
	}
}

// class is a small one of what the vendor has.
func (t *trial) class() descriptors.Class {
	if t.Class != nil {
		return *t.Class
	}
	types := t.status.Description.Types
	class := SmallMachine("")
	if images := t.status.Description.Images; len(images) > 0 {
		class.Image = images[0]
	}
	if !slices.Contains(types, descriptors.Compute) && len(types) > 0 {
		class = descriptors.Class{Type: types[0]}
	}
	switch class.Type {
	case descriptors.Volume:
		class.Size = 1 << 20
	case descriptors.LoadBalancer:
		class.Listen = 8080
	}
	return class
}

func (t *trial) callFor(classes map[string]descriptors.Class) descriptors.CallForProposals {
	return descriptors.CallForProposals{
		ID: ulid.Make().String(), Round: 1, Currency: t.currency(), Classes: classes, ReplyBy: time.Now().UTC().Add(t.Patience),
	}
}

// currency in which prices are asked for.
func (t *trial) currency() quantity.Currency {
	if t.lapsing != nil {
		return t.lapsing.Currency
	}
	return descriptors.DefaultCurrency
}

// call calls for proposals.
func (t *trial) call(call descriptors.CallForProposals) proto.Message {
	return t.ask(t.broker, proto.SubjectCall(t.name), t.callMessage(call))
}

func (t *trial) callMessage(call descriptors.CallForProposals) proto.Message {
	message := made(t, proto.CallForProposal, proto.ContractNet, call)
	message.Conversation, message.Round = call.ID, call.Round
	message.Receiver = proto.Identity{Role: proto.RoleVendor} // the same to all
	return message
}

// propose calls and wants a proposal that answers the call.
func (t *trial) propose(call descriptors.CallForProposals) sla.Proposal {
	return t.proposal(t.call(call), call)
}

func (t *trial) proposal(answer proto.Message, call descriptors.CallForProposals) sla.Proposal {
	proposal := content[sla.Proposal](t, answer, proto.Propose)
	t.proposals = append(t.proposals, proposal.ID)
	if err := proposal.Check(call); err != nil {
		t.fail("the proposal does not answer the call: %s", err)
	}
	if proposal.Vendor != t.name {
		t.fail("the proposal is of vendor %q", proposal.Vendor)
	}
	return proposal
}

// draft is the agreement that would take all of a proposal.
func (t *trial) draft(proposal sla.Proposal) sla.Agreement {
	return sla.Agreement{
		ID: ulid.Make().String(), Call: proposal.Call, Proposal: proposal.ID, Vendor: t.name, Deployment: ulid.Make().String(),
		Classes: maps.Clone(proposal.Offers), State: sla.AgreementPending,
	}
}

func (t *trial) accept(agreement sla.Agreement) proto.Message {
	t.agreements = append(t.agreements, agreement)
	message := made(t, proto.AcceptProposal, proto.ContractNet, proto.Acceptance{Agreement: agreement})
	message.Command, message.Conversation = agreement.ID+"-accept", agreement.Call
	return t.ask(t.broker, proto.SubjectCommand(t.name), message)
}

// observed accepts and wants the agreement.
func (t *trial) observed(draft sla.Agreement) sla.Agreement {
	agreement := content[sla.Agreement](t, t.accept(draft), proto.Inform)
	switch {
	case agreement.ID != draft.ID || agreement.Proposal != draft.Proposal || agreement.Deployment != draft.Deployment:
		t.fail("informed of agreement %s on %s for %s, accepted was %s on %s for %s",
			agreement.ID, agreement.Proposal, agreement.Deployment, draft.ID, draft.Proposal, draft.Deployment)
	case agreement.State != sla.AgreementObserved:
		t.fail("the agreement is %q, not observed", agreement.State)
	case agreement.Vendor != t.name:
		t.fail("the agreement is with vendor %q", agreement.Vendor)
	case agreement.Agreed.IsZero():
		t.fail("the agreement does not say since when (agreed)")
	case !maps.EqualFunc(agreement.Classes, draft.Classes, sla.Offer.Same):
		t.fail("the agreement has other classes or terms than were accepted")
	}
	return agreement
}

func (t *trial) cancel(cancellation proto.Cancellation) proto.Message {
	return t.undo(proto.Cancel, cancellation)
}

func (t *trial) undo(performative proto.Performative, cancellation proto.Cancellation) proto.Message {
	message := made(t, performative, proto.ContractNet, cancellation)
	message.Command = ulid.Make().String()
	return t.ask(t.broker, proto.SubjectCommand(t.name), message)
}

// inform wants an inform.
func (t *trial) inform(answer proto.Message) {
	if answer.Performative != proto.Inform {
		t.fail("answered %s, not inform", said(answer))
	}
}

// ended wants the agreement that a cancellation leaves.
func (t *trial) ended(answer proto.Message, id string) sla.Agreement {
	agreement := content[sla.Agreement](t, answer, proto.Inform)
	if agreement.State != sla.AgreementTerminated {
		t.fail("the agreement is %q, not terminated", agreement.State)
	}
	if id != "" && agreement.ID != id {
		t.fail("informed of agreement %q, cancelled was %s", agreement.ID, id)
	}
	return agreement
}

// agree comes to an agreement on one instance.
func (t *trial) agree() sla.Agreement {
	return t.observed(t.draft(t.propose(t.machines(1))))
}

// vendorStatus is what the vendor says of itself now.
func (t *trial) vendorStatus() proto.VendorStatus {
	return content[proto.VendorStatus](t, t.question(proto.TopicVendor, ""), proto.Inform)
}

func (t *trial) question(topic proto.Topic, subject string) proto.Message {
	return t.ask(t.deployer, proto.SubjectQuery(t.name),
		made(t, proto.QueryRef, proto.QueryProtocol, proto.Question{Topic: topic, Subject: subject}))
}

// resources that the vendor lists for a deployment, without those in quarantine.
func (t *trial) resources(deployment string) []proto.ResourceStatus {
	list := content[proto.ResourceList](t, t.question(proto.TopicResources, deployment), proto.Inform)
	return slices.DeleteFunc(list.Resources, func(one proto.ResourceStatus) bool {
		return one.Quarantined || one.State == vendormodules.ResourceGone
	})
}
