package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// presentWithin is how long a vendor has to say how it is before it counts as absent.
const presentWithin = 2 * time.Second

// query answers a question about what the broker knows.
func (a *Agent) query(ctx context.Context, message proto.Message) proto.Message {
	question, err := proto.Decode[proto.Question](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	switch question.Topic {
	case proto.TopicVendors:
		list, err := a.vendorList(ctx, question.Page)
		return informed(a, message, list, err)
	case proto.TopicRegister:
		return informed(a, message, a.Peer.SignedRegister(), nil)
	case proto.TopicCalls:
		list, err := a.callList(ctx, question.Page)
		return informed(a, message, list, err)
	case proto.TopicOffers:
		offers, err := a.namedOffers(ctx, question.Subject)
		return informed(a, message, offers, err)
	case proto.TopicAgreements:
		list, err := a.agreementList(ctx, question)
		return informed(a, message, list, err)
	case proto.TopicDescriptor:
		deployment, err := a.descriptorOf(ctx, question.Subject)
		return informed(a, message, deployment, err)
	}
	return proto.Refusing(message, proto.Refuse,
		refusalf(sla.RefusedNotFound, "", "the broker knows nothing about %q", question.Topic))
}

// informed answers a question with what was found, or why it was not.
func informed[C proto.Content](a *Agent, message proto.Message, content C, err error) proto.Message {
	var refusal sla.Refusal
	switch {
	case err == nil:
		return proto.Answer(message, proto.Inform, content)
	case errors.As(err, &refusal):
		return proto.Refusing(message, proto.Refuse, refusal)
	}
	a.Log.Error("question not answered", zap.String("sender", message.Sender.String()), zap.Error(err))
	return proto.Refusing(message, proto.Failure, refusalf(sla.RefusedInternal, "", "%s", err))
}

// askAtOnce is how many vendors are asked side by side how they are: no more than about fit on a page.
const askAtOnce = 250

// vendorList tells of every enrolled vendor how it is. Those that do not answer are listed as absent.
func (a *Agent) vendorList(ctx context.Context, page *proto.Page) (list proto.VendorList, err error) {
	names := proto.Rest(page, func(name string) string { return name }, a.vendors())
	statuses := func(yield func(proto.VendorStatus, error) bool) {
		rest, _ := proto.Collect(names) // what is at hand has no errors
		for some := range slices.Chunk(rest, askAtOnce) {
			vendors, err := a.askVendors(ctx, some)
			if err != nil {
				yield(proto.VendorStatus{}, err)
				return
			}
			for _, vendor := range vendors {
				if !yield(vendor, nil) {
					return
				}
			}
		}
	}
	list.Vendors, list.Next, err = proto.Fill(page, func(vendor proto.VendorStatus) string { return vendor.Name }, statuses)
	return list, err
}

// askVendors asks vendors how they are.
func (a *Agent) askVendors(ctx context.Context, names []string) ([]proto.VendorStatus, error) {
	question := proto.Message{Performative: proto.QueryRef, Protocol: proto.QueryProtocol}
	if err := proto.Encode(&question, proto.Question{Topic: proto.TopicVendor}); err != nil {
		return nil, err
	}
	subjects := make([]string, len(names))
	vendors := make([]proto.VendorStatus, len(names))
	place := make(map[string]int, len(names))
	for i, name := range names {
		subjects[i] = proto.SubjectQuery(name)
		place[subjects[i]] = i
	}
	ctx, cancel := context.WithTimeout(ctx, presentWithin)
	defer cancel()
	for reply := range a.Peer.Gather(ctx, question, subjects, 0) {
		var status proto.VendorStatus
		err := reply.Err
		if err == nil {
			status, err = proto.Decode[proto.VendorStatus](reply.Message)
		}
		if err != nil {
			status = proto.VendorStatus{Fault: err.Error()}
		}
		i := place[reply.Subject]
		status.Name, status.Present = names[i], reply.Err == nil
		vendors[i] = status
	}
	return vendors, nil
}

// callList lists all calls, the oldest first.
func (a *Agent) callList(ctx context.Context, page *proto.Page) (list proto.CallList, err error) {
	summaries := func(yield func(proto.CallSummary, error) bool) {
		for stands, err := range a.books.standings.Walk(ctx, page.Start()) {
			summary := stands.Value.CallSummary
			summary.State = stands.Value.state(a.Now())
			if !yield(summary, err) {
				return
			}
		}
	}
	list.Calls, list.Next, err = proto.Fill(page, func(call proto.CallSummary) string { return call.Call }, summaries)
	return list, err
}

func (a *Agent) namedOffers(ctx context.Context, subject string) (proto.Offers, error) {
	stands, err := a.find(ctx, subject)
	if err != nil {
		return proto.Offers{}, err
	}
	return a.offersOf(ctx, stands.record)
}

// agreementList lists the agreements of one deployment, or all, in the order of deployments.
func (a *Agent) agreementList(ctx context.Context, question proto.Question) (list proto.AgreementList, err error) {
	agreements := func(yield func(sla.Agreement, error) bool) {
		for agreement, err := range a.books.agreements.Walk(ctx, question.Page.Start()) {
			if !yield(agreement.Value, err) {
				return
			}
		}
	}
	if question.Subject != "" {
		stands, err := a.find(ctx, question.Subject)
		if err != nil {
			return list, err
		}
		own := []sla.Agreement{}
		if stands.record.Deployment != "" {
			if own, err = a.agreements(ctx, stands.record.Deployment); err != nil {
				return list, err
			}
		}
		agreements = proto.Rest(question.Page, agreementID, own)
	}
	list.Agreements, list.Next, err = proto.Fill(question.Page, agreementID, agreements)
	return list, err
}

func (a *Agent) descriptorOf(ctx context.Context, subject string) (descriptors.Deployment, error) {
	stands, err := a.find(ctx, subject)
	if err != nil {
		return descriptors.Deployment{}, err
	}
	if stands.record.Deployment == "" {
		return descriptors.Deployment{}, refusalf(sla.RefusedState, "agency accept "+stands.record.Name+" takes a plan",
			"no plan for %s was taken yet", stands.record.Name)
	}
	deployment, err := load(ctx, a.books.deployments, stands.record.Deployment)
	return deployment.record, err
}
