package broker

import (
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/lifecycle"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// legStates is the broker's state machine of one leg of an attempt.
var legStates = lifecycle.Table[proto.LegState]{
	proto.LegAccepting:  {proto.LegObserved, proto.LegRefused, proto.LegCancelling},
	proto.LegObserved:   {proto.LegCancelling},
	proto.LegCancelling: {proto.LegCancelled},
}

// newAttempt is the attempt to take a plan of a call, before anybody is asked.
func newAttempt(call callRecord, plan sla.Plan, now time.Time) attemptRecord {
	record := attemptRecord{
		Attempt: proto.Attempt{
			ID: ulid.Make().String(), Call: call.Offers.Call, Name: call.Offers.Name, Deployment: ulid.Make().String(),
			Plan: plan, State: sla.AttemptAccepting,
		},
		Reserved: plan.PriceAtMaximum, Begun: now,
	}
	if call.Offers.Change != nil {
		record.Deployment = call.Offers.Change.Deployment
	}
	for _, leg := range call.legs(plan) {
		proposal, _ := call.proposal(leg)
		classes := make(map[string]sla.Offer, len(leg.Classes))
		for _, class := range leg.Classes {
			classes[class] = proposal.Offers[class]
		}
		record.Legs = append(record.Legs, proto.AttemptLeg{
			State: proto.LegAccepting,
			Agreement: sla.Agreement{
				ID: ulid.Make().String(), Call: record.Call, Proposal: leg.Proposal, Vendor: leg.Vendor,
				Deployment: record.Deployment, Classes: classes, State: sla.AgreementPending, Guarantees: sla.Guarantees(classes),
			},
		})
	}
	return record
}

// proposal is the one that a leg of a plan takes classes from.
func (r callRecord) proposal(leg sla.Leg) (sla.Proposal, bool) {
	for i := range r.Offers.Proposals {
		if proposal := &r.Offers.Proposals[i]; proposal.Vendor == leg.Vendor && proposal.ID == leg.Proposal {
			return *proposal, true
		}
	}
	return sla.Proposal{}, false
}

// validUntil is when the first proposal of a plan runs out; the zero time if one is missing.
func (r callRecord) validUntil(plan sla.Plan) time.Time {
	var first time.Time
	if r.Offers.Change != nil && len(r.legs(plan)) == 0 {
		return r.Offers.Opened.Add(changeWithin)
	}
	for _, leg := range r.legs(plan) {
		proposal, found := r.proposal(leg)
		if !found {
			return time.Time{}
		}
		if first.IsZero() || proposal.ValidUntil.Before(first) {
			first = proposal.ValidUntil.UTC()
		}
	}
	return first
}

// spent says whether an attempt has used up the vendor's proposal: whatever became of it, it was refused or cancelled.
func (r attemptRecord) spent(leg sla.Leg) bool {
	return slices.ContainsFunc(r.Legs, func(used proto.AttemptLeg) bool {
		return used.Agreement.Vendor == leg.Vendor && used.Agreement.Proposal == leg.Proposal
	})
}

// observed notes that a vendor agreed.
func (r *attemptRecord) observed(leg int, agreed time.Time) error {
	moved := &r.Legs[leg]
	if err := legStates.Move(&moved.State, proto.LegObserved); err != nil {
		return err
	}
	moved.Agreement.Agreed = agreed
	return sla.AgreementStates.Move(&moved.Agreement.State, sla.AgreementObserved)
}

// refused notes that a vendor did not agree and never will.
func (r *attemptRecord) refused(leg int, reason string) error {
	moved := &r.Legs[leg]
	if err := legStates.Move(&moved.State, proto.LegRefused); err != nil {
		return err
	}
	moved.Reason = reason
	return sla.AgreementStates.Move(&moved.Agreement.State, sla.AgreementRejected)
}

// undo turns the attempt round: every leg that was not refused is to be cancelled, heard from or not.
func (r *attemptRecord) undo(now time.Time, reason string) error {
	if err := sla.AttemptStates.Move(&r.State, sla.AttemptUndoing); err != nil {
		return err
	}
	r.Undoing, r.Reason = now, reason
	for i := range r.Legs {
		if r.Legs[i].State == proto.LegRefused {
			continue
		}
		if err := legStates.Move(&r.Legs[i].State, proto.LegCancelling); err != nil {
			return err
		}
	}
	return nil
}

// cancelled notes that a vendor has confirmed that it holds nothing of the attempt.
func (r *attemptRecord) cancelled(leg int, at time.Time) error {
	moved := &r.Legs[leg]
	if err := legStates.Move(&moved.State, proto.LegCancelled); err != nil {
		return err
	}
	moved.Agreement.Ended = at
	return sla.AgreementStates.Move(&moved.Agreement.State, sla.AgreementTerminated)
}

// are says whether all legs are in one of the states.
func (r *attemptRecord) are(states ...proto.LegState) bool {
	return !slices.ContainsFunc(r.Legs, func(leg proto.AttemptLeg) bool { return !slices.Contains(states, leg.State) })
}

// vendorsIn names the vendors of the legs in that state.
func (r *attemptRecord) vendorsIn(state proto.LegState) string {
	var names []string
	for _, leg := range r.Legs {
		if leg.State == state {
			names = append(names, leg.Agreement.Vendor)
		}
	}
	return strings.Join(names, ", ")
}

// agreements of the attempt as they stand.
func (r *attemptRecord) agreements() []sla.Agreement {
	agreements := make([]sla.Agreement, len(r.Legs))
	for i, leg := range r.Legs {
		agreements[i] = leg.Agreement
	}
	return agreements
}

// descriptor is the deployment that a committed attempt binds the application's classes to.
func descriptor(record attemptRecord, call callRecord, now time.Time) descriptors.Deployment {
	application := call.Offers.Application
	deployment := descriptors.Deployment{
		ID: record.Deployment, Name: record.Name, Application: application.Name, Call: record.Call, Created: now,
		Currency: application.Currency, Budget: application.Budget, OnFailure: application.OnFailure,
		Resources: make(map[string]descriptors.BoundClass, len(application.Resources)),
	}
	for _, leg := range record.Legs {
		for class, offer := range leg.Agreement.Classes {
			deployment.Resources[class] = descriptors.BoundClass{
				Class: application.Resources[class], Vendor: leg.Agreement.Vendor, Agreement: leg.Agreement.ID,
				Price: offer.Unit, Upload: call.Uploads[class],
			}
		}
	}
	return deployment
}
