package broker

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/difference"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// ground is what a change starts from.
type ground struct {
	// base is where the call stands by which the deployment was agreed on, or changed last.
	base       versioned[standing]
	deployment versioned[descriptors.Deployment]
	// bound are the classes that may go on as they are agreed on; offers are the terms.
	bound  map[string]descriptors.BoundClass
	offers map[string]sla.Offer
	// former change that was called for and not taken; none if it has no id.
	former versioned[standing]
	// known is the call that the same submission opened before.
	known string
}

// openChange opens a call for what a deployment that stands is to be changed in. Only vendors of what its agreements do
// not cover are asked, and all plans are for the whole: what stays where it is counts with the terms agreed on.
func (a *Agent) openChange(ctx context.Context, content proto.Submission, command string) (proto.Offers, error) {
	began := a.Now().UTC()
	from, err := a.ground(ctx, *content.Change, command)
	if err != nil || from.known != "" {
		return a.knownOffers(ctx, from.known, err)
	}
	if content.Change.Undo {
		content.Change.Classes = nil // of what was agreed on nothing is asked for anew
		content.Application, content.Uploads, err = a.before(ctx, &from)
		content.Change.Uploads = content.Uploads
	} else {
		content.Change.Classes, err = a.uncovered(ctx, from, content.Application)
	}
	if err != nil {
		return proto.Offers{}, err
	}
	content.Name = from.base.record.Name
	offers := proto.Offers{
		Call: ulid.Make().String(), Name: content.Name, State: descriptors.CallOpen, Opened: began, Advisory: content.Advisory,
		Application: content.Application, Change: content.Change, Proposals: []sla.Proposal{},
	}
	if err := a.gatherChange(ctx, &offers); err != nil {
		return proto.Offers{}, err
	}
	if err := a.planChange(&offers, from); err != nil {
		a.dismiss(offers, "the call came to nothing", offers.Proposals)
		return proto.Offers{}, err
	}
	offers.Elapsed = quantity.Duration(max(0, a.Now().Sub(began)))
	if len(offers.Plans) == 0 && !offers.Advisory {
		offers.State = descriptors.CallClosed
	}
	return a.keepChange(ctx, offers, content, command, from)
}

// ground finds what a change starts from, or says why there can be none.
func (a *Agent) ground(ctx context.Context, change proto.Change, command string) (ground, error) {
	base, err := a.find(ctx, change.Deployment)
	if err != nil {
		return ground{}, err
	}
	from := ground{base: base}
	if base.record.Command == command {
		from.known = base.record.Call
		return from, nil
	}
	if base.record.Change != "" {
		if from.former, err = load(ctx, a.books.standings, base.record.Change); err != nil {
			return ground{}, err
		}
		if from.former.record.Command == command {
			from.known = from.former.record.Call
			return from, nil
		}
	}
	if !base.record.Stands || base.record.Deployment != change.Deployment {
		return ground{}, refusalf(sla.RefusedState, "submit the application as a new one", "%s does not stand", base.record.Name)
	}
	if from.former.record.Attempt != "" {
		return ground{}, refusalf(sla.RefusedConflict, "try again when it is", "a change of %s is being agreed on", base.record.Name)
	}
	if from.deployment, err = load(ctx, a.books.deployments, change.Deployment); err != nil {
		return ground{}, err
	}
	if from.deployment.record.Revision != change.Revision {
		return ground{}, refusalf(sla.RefusedConflict, "apply again", "%s has been changed meanwhile: revision %d was agreed on",
			base.record.Name, from.deployment.record.Revision)
	}
	return from, a.bind(ctx, &from, from.deployment.record.Resources)
}

// bind takes over the classes that may go on under the agreements that stand.
func (a *Agent) bind(ctx context.Context, from *ground, resources map[string]descriptors.BoundClass) error {
	agreements, err := a.agreements(ctx, from.deployment.record.ID)
	if err != nil {
		return err
	}
	from.bound, from.offers = map[string]descriptors.BoundClass{}, map[string]sla.Offer{}
	for _, agreement := range agreements {
		ending := from.base.record.Released[agreement.ID]
		for class, offer := range agreement.Classes {
			if agreement.State == sla.AgreementObserved && resources[class].Agreement == agreement.ID && !slices.Contains(ending, class) {
				from.bound[class], from.offers[class] = resources[class], offer
			}
		}
	}
	return nil
}

// uncovered are the classes of an application that the agreements do not cover, sorted.
func (a *Agent) uncovered(ctx context.Context, from ground, application descriptors.Application) ([]string, error) {
	agreed, err := load(ctx, a.books.calls, from.deployment.record.Call)
	if err != nil {
		return nil, err
	}
	found := difference.Between(
		difference.Standing{Application: agreed.record.Offers.Application, Deployment: from.deployment.record},
		difference.Wanted{Application: application},
	)
	concerned := map[string]bool{}
	for _, class := range found.Classes {
		if class.Need == difference.NewCall {
			concerned[class.Class] = true
		}
	}
	for name := range application.Resources {
		if _, bound := from.bound[name]; !bound {
			concerned[name] = true
		}
	}
	// How many volumes are asked for can only be told beside the machines that they belong to.
	for name := range maps.Clone(concerned) {
		user, attached := descriptors.VolumeUser(application.Resources, name)
		if attached && application.Resources[name].Type == descriptors.Volume && sla.Instances(application.Resources, name).Max > 1 {
			concerned[user] = true
		}
	}
	return slices.Sorted(maps.Keys(concerned)), nil
}

// before is the application that a deployment was before its last change. The ground becomes its classes, whose agreements
// must all still stand.
func (a *Agent) before(ctx context.Context, from *ground) (descriptors.Application, map[string]string, error) {
	former, err := load(ctx, a.books.formers, from.deployment.record.ID)
	switch {
	case errors.Is(err, services.ErrNoKey):
		return descriptors.Application{}, nil, refusalf(sla.RefusedState, "", "%s was not changed yet", from.base.record.Name)
	case err != nil:
		return descriptors.Application{}, nil, err
	}
	call, err := load(ctx, a.books.calls, former.record.Call)
	if err != nil {
		return descriptors.Application{}, nil, err
	}
	if err := a.bind(ctx, from, former.record.Resources); err != nil {
		return descriptors.Application{}, nil, err
	}
	uploads := map[string]string{}
	for class, bound := range former.record.Resources {
		if _, stands := from.bound[class]; !stands {
			return descriptors.Application{}, nil, refusalf(sla.RefusedState, "agency apply FILE with what it was before asks for it anew",
				"the agreement with %s on %s of %s has ended", bound.Vendor, class, from.base.record.Name)
		}
		if bound.Upload != "" {
			uploads[class] = bound.Upload
		}
	}
	return call.record.Offers.Application, uploads, nil
}

// gatherChange asks the vendors for the classes that are to be agreed on anew, nobody if there are none.
func (a *Agent) gatherChange(ctx context.Context, offers *proto.Offers) error {
	if len(offers.Change.Classes) == 0 {
		return nil
	}
	vendors := a.vendors()
	call := callRecord{Offers: *offers}.call(1, offers.Opened.Add(a.ReplyWithin))
	came, err := a.gather(ctx, call, vendors)
	if err != nil {
		return err
	}
	offers.Called, offers.Refusals = len(vendors), came.refusals
	offers.Proposals = append(offers.Proposals, came.proposals...)
	return nil
}

// planChange makes the plans of a change. Classes stay with their vendors where those offer what is asked for; only if
// there is no such plan any vendor may serve them.
func (a *Agent) planChange(offers *proto.Offers, from ground) error {
	asked := *offers
	for _, stay := range []bool{true, false} {
		asked.Plans, asked.Obstacles = nil, nil
		asked.Application, asked.Proposals = whole(*offers, from, stay, a.Now())
		if err := a.plan(&asked); err != nil {
			return err
		}
		if len(asked.Plans) > 0 {
			break
		}
	}
	offers.Plans, offers.Obstacles = asked.Plans, asked.Obstacles
	return nil
}

// changeWithin is how long a change may be taken that asks no vendor for anything.
const changeWithin = 10 * time.Minute

// proposalStands is the id of a proposal of nothing but what is agreed on already.
const proposalStands = "stands"

// whole makes proposals for all classes of a change: what vendors offer anew, and what they are held to. To stay leaves a
// class to the vendor that serves it now.
func whole(offers proto.Offers, from ground, stay bool, now time.Time) (descriptors.Application, []sla.Proposal) {
	application := offers.Application
	application.Resources = maps.Clone(application.Resources)
	proposals := map[string]sla.Proposal{}
	for _, proposal := range offers.Proposals {
		proposal.Offers, proposal.Refusals = maps.Clone(proposal.Offers), maps.Clone(proposal.Refusals)
		proposals[proposal.Vendor] = proposal
	}
	for _, bound := range from.bound {
		if _, proposes := proposals[bound.Vendor]; !proposes {
			proposals[bound.Vendor] = sla.Proposal{
				ID: proposalStands, Call: offers.Call, Round: 1, Vendor: bound.Vendor, Currency: application.Currency,
				Offers: map[string]sla.Offer{}, ValidUntil: now.Add(changeWithin),
			}
		}
	}
	result := make([]sla.Proposal, 0, len(proposals))
	for vendor, proposal := range proposals {
		if proposal.Refusals == nil {
			proposal.Refusals = map[string]sla.Refusal{}
		}
		for name, class := range application.Resources {
			bound, serves := from.bound[name]
			anew := slices.Contains(offers.Change.Classes, name)
			_, answered := proposal.Refusals[name]
			switch {
			case !anew && bound.Vendor == vendor:
				proposal.Offers[name] = from.offers[name]
				// Where it may be was decided when it was agreed on.
				class.Place.Region, class.Place.Country, class.Place.Vendors = nil, nil, descriptors.VendorFilter{}
				application.Resources[name] = class
			case serves && bound.Vendor != vendor && (!anew || stay):
				delete(proposal.Offers, name)
				proposal.Refusals[name] = refusalf(sla.RefusedPlacement, "", "%s serves it and goes on with it", bound.Vendor)
			case anew && !answered && proposal.ID == proposalStands:
				refusal, refused := offers.Refusals[vendor]
				if !refused {
					refusal = refusalf(sla.RefusedUnavailable, "", "%s offers nothing new", vendor)
				}
				refusal.Message = strings.TrimPrefix(refusal.Message, name+": ") // a summary names the classes
				proposal.Refusals[name] = refusal
			}
		}
		result = append(result, proposal)
	}
	slices.SortFunc(result, func(one, other sla.Proposal) int { return cmp.Compare(one.Vendor, other.Vendor) })
	return application, result
}
