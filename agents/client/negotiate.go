package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

var broker = proto.Agent(proto.RoleBroker)

// Submit asks the broker to call for proposals, and returns all that came of it.
func (c *Client) Submit(ctx context.Context, submission proto.Submission) (proto.Offers, error) {
	return execute[proto.Submission, proto.Offers](ctx, c, broker, proto.Request, submission)
}

// Offers returns what came of a call, by the call's id or the deployment's name.
func (c *Client) Offers(ctx context.Context, call string) (proto.Offers, error) {
	return question[proto.Offers](ctx, c, broker, proto.Question{Topic: proto.TopicOffers, Subject: call})
}

// EachCall goes through the calls that the broker remembers, the oldest first.
func (c *Client) EachCall(ctx context.Context) iter.Seq2[proto.CallSummary, error] {
	return listing[proto.CallList](ctx, c, broker, proto.Question{Topic: proto.TopicCalls})
}

// Calls lists the calls that the broker remembers, the newest first.
func (c *Client) Calls(ctx context.Context) ([]proto.CallSummary, error) {
	calls, err := proto.Collect(c.EachCall(ctx))
	slices.SortFunc(calls, func(one, other proto.CallSummary) int { return strings.Compare(other.Call, one.Call) })
	return calls, err
}

// Counter makes a vendor a counter-offer to its proposal for a call. The last of the rounds in the offers says what came
// of it.
func (c *Client) Counter(ctx context.Context, call, vendor string, offer descriptors.CounterOffer) (proto.Offers, error) {
	return execute[proto.Counter, proto.Offers](ctx, c, broker, proto.Request,
		proto.Counter{Call: call, Vendor: vendor, CounterOffer: offer})
}

// Accept takes a plan of a call. All vendors of the plan have agreed when it returns without an error; else none has, or
// it is being undone, and the attempt says how far.
func (c *Client) Accept(ctx context.Context, call string, rank int) (proto.Attempt, error) {
	return c.accept(ctx, proto.PlanChoice{Call: call, Rank: rank})
}

// AcceptOrNext takes a plan of a call or, when that cannot be taken, the next that can. The attempt says which it was.
func (c *Client) AcceptOrNext(ctx context.Context, call string, rank int) (proto.Attempt, error) {
	return c.accept(ctx, proto.PlanChoice{Call: call, Rank: rank, OrNext: true})
}

func (c *Client) accept(ctx context.Context, choice proto.PlanChoice) (proto.Attempt, error) {
	message, err := newMessage(broker, proto.AcceptProposal, proto.ContractNet, choice)
	if err != nil {
		return proto.Attempt{}, err
	}
	answer, err := c.do(ctx, message)
	if err != nil {
		return proto.Attempt{}, err
	}
	if answer.Performative != proto.Failure {
		return contentOf[proto.Attempt](broker, answer)
	}
	attempt, err := proto.Decode[proto.Attempt](answer)
	if err != nil {
		return proto.Attempt{}, refused(broker.String(), refusalIn(answer))
	}
	return attempt, notTaken(attempt)
}

// notTaken says why an attempt came to nothing.
func notTaken(attempt proto.Attempt) *Error {
	reason := attempt.Reason
	for _, leg := range attempt.Legs {
		if reason == "" && leg.Reason != "" {
			reason = leg.Agreement.Vendor + ": " + leg.Reason
		}
	}
	return &Error{
		Code: string(sla.RefusedConflict), At: broker.String(),
		Message: fmt.Sprintf("plan %d was not taken: %s; the attempt is %s", attempt.Plan.Rank, reason, attempt.State),
		Hint:    "take another plan, or submit again for fresh offers",
	}
}

// Reject gives a call up.
func (c *Client) Reject(ctx context.Context, call string) (proto.Offers, error) {
	return execute[proto.PlanChoice, proto.Offers](ctx, c, broker, proto.RejectProposal, proto.PlanChoice{Call: call})
}

// End ends the agreements of a deployment of which nothing stands.
func (c *Client) End(ctx context.Context, name, reason string) ([]sla.Agreement, error) {
	return c.cancel(ctx, proto.Cancellation{Name: name, Reason: reason})
}

// Abandon ends what End would, and lets go of vendors that stay silent: what they still hold is nobody's concern any
// more. The broker refuses it while they have not been asked for long enough.
func (c *Client) Abandon(ctx context.Context, name, reason string) ([]sla.Agreement, error) {
	return c.cancel(ctx, proto.Cancellation{Name: name, Reason: reason, Abandon: true})
}

func (c *Client) cancel(ctx context.Context, content proto.Cancellation) ([]sla.Agreement, error) {
	list, err := execute[proto.Cancellation, proto.AgreementList](ctx, c, broker, proto.Cancel, content)
	return list.Agreements, err
}

// EachAgreement goes through the agreements of a deployment by its name, or through all.
func (c *Client) EachAgreement(ctx context.Context, name string) iter.Seq2[sla.Agreement, error] {
	return listing[proto.AgreementList](ctx, c, broker, proto.Question{Topic: proto.TopicAgreements, Subject: name})
}

// Agreements lists the agreements of a deployment by its name, or all, the newest first.
func (c *Client) Agreements(ctx context.Context, name string) ([]sla.Agreement, error) {
	agreements, err := proto.Collect(c.EachAgreement(ctx, name))
	slices.SortFunc(agreements, func(one, other sla.Agreement) int { return strings.Compare(other.ID, one.ID) })
	return agreements, err
}

// Descriptor returns the deployment descriptor that an accepted plan was made into.
func (c *Client) Descriptor(ctx context.Context, name string) (descriptors.Deployment, error) {
	asked := proto.Question{Topic: proto.TopicDescriptor, Subject: name}
	return question[descriptors.Deployment](ctx, c, broker, asked)
}

// Vendors lists the vendors in the broker's register.
func (c *Client) Vendors(ctx context.Context) ([]proto.VendorStatus, error) {
	return proto.Collect(listing[proto.VendorList](ctx, c, broker, proto.Question{Topic: proto.TopicVendors}))
}

// Vendor is what a vendor says of itself.
func (c *Client) Vendor(ctx context.Context, name string) (proto.VendorStatus, error) {
	if err := proto.CheckName(name); err != nil {
		return proto.VendorStatus{}, &Error{Code: CodeBadInput, Message: err.Error()}
	}
	status, err := question[proto.VendorStatus](ctx, c, proto.Vendor(name), proto.Question{Topic: proto.TopicVendor})
	if errors.Is(err, bus.ErrAbsent) && !c.enrolled(ctx, name) {
		missing := notFound("no vendor %q is enrolled", name)
		missing.Hint = "`agency vendors` lists those that are"
		return status, missing
	}
	return status, err
}

// Register is the register of who may act as whom, as the broker has it; whoever reads it opens it with the account's key.
func (c *Client) Register(ctx context.Context) (proto.SignedRegister, error) {
	return question[proto.SignedRegister](ctx, c, broker, proto.Question{Topic: proto.TopicRegister})
}

// enrolled says whether the broker's register has a vendor; it does when there is doubt.
func (c *Client) enrolled(ctx context.Context, name string) bool {
	vendors, err := c.Vendors(ctx)
	return err != nil || slices.ContainsFunc(vendors, func(vendor proto.VendorStatus) bool { return vendor.Name == name })
}
