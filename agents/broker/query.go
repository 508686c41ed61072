package broker

import (
	"context"
	"errors"
	"slices"
	"strings"
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
		list, err := a.askVendors(ctx)
		return informed(a, message, list, err)
	case proto.TopicRegister:
		return informed(a, message, a.Peer.SignedRegister(), nil)
	case proto.TopicCalls:
		list, err := a.callList(ctx)
		return informed(a, message, list, err)
	case proto.TopicOffers:
		offers, err := a.namedOffers(ctx, question.Subject)
		return informed(a, message, offers, err)
	case proto.TopicAgreements:
		list, err := a.agreementList(ctx, question.Subject)
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

// askVendors asks every enrolled vendor how it is. Those that do not answer are listed as absent.
func (a *Agent) askVendors(ctx context.Context) (proto.VendorList, error) {
	names := a.vendors()
	question := proto.Message{Performative: proto.QueryRef, Protocol: proto.QueryProtocol}
	if err := proto.Encode(&question, proto.Question{Topic: proto.TopicVendor}); err != nil {
		return proto.VendorList{}, err
	}
	subjects := make([]string, len(names))
	vendors := make(map[string]proto.VendorStatus, len(names))
	for i, name := range names {
		subjects[i] = proto.SubjectQuery(name)
		vendors[subjects[i]] = proto.VendorStatus{Name: name}
	}
	ctx, cancel := context.WithTimeout(ctx, presentWithin)
	defer cancel()
	for reply := range a.Peer.Gather(ctx, question, subjects, 0) {
		status := vendors[reply.Subject]
		name := status.Name
		err := reply.Err
		if err == nil {
			status, err = proto.Decode[proto.VendorStatus](reply.Message)
		}
		if err != nil {
			status = proto.VendorStatus{Fault: err.Error()}
		}
		status.Name, status.Present = name, reply.Err == nil
		vendors[reply.Subject] = status
	}
	list := proto.VendorList{Vendors: make([]proto.VendorStatus, 0, len(names))}
	for _, subject := range subjects {
		list.Vendors = append(list.Vendors, vendors[subject])
	}
	return list, nil
}

// callList lists all calls, the newest first.
func (a *Agent) callList(ctx context.Context) (proto.CallList, error) {
	all, err := values(a.books.standings.List(ctx))
	if err != nil {
		return proto.CallList{}, err
	}
	list := proto.CallList{Calls: make([]proto.CallSummary, 0, len(all))}
	for _, stands := range slices.Backward(all) {
		summary := stands.CallSummary
		summary.State = stands.state(a.Now())
		list.Calls = append(list.Calls, summary)
	}
	return list, nil
}

func (a *Agent) namedOffers(ctx context.Context, subject string) (proto.Offers, error) {
	stands, err := a.find(ctx, subject)
	if err != nil {
		return proto.Offers{}, err
	}
	return a.offersOf(ctx, stands.record)
}

// agreementList lists the agreements of one deployment, or all, the newest first.
func (a *Agent) agreementList(ctx context.Context, subject string) (proto.AgreementList, error) {
	var agreements []sla.Agreement
	var err error
	if subject == "" {
		agreements, err = values(a.books.agreements.List(ctx))
		slices.SortFunc(agreements, func(one, other sla.Agreement) int { return strings.Compare(other.ID, one.ID) })
	} else {
		var stands versioned[standing]
		if stands, err = a.find(ctx, subject); err == nil && stands.record.Deployment != "" {
			agreements, err = a.agreements(ctx, stands.record.Deployment)
		}
	}
	return proto.AgreementList{Agreements: append([]sla.Agreement{}, agreements...)}, err
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
