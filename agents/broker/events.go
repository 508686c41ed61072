package broker

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// What the broker tells about its calls, attempts and agreements, in sentences for people.

func opened(offers proto.Offers) proto.Event {
	return proto.Event{Kind: proto.EventCallOpened, Name: offers.Name, Message: fmt.Sprintf(
		"Call %s for %s to %s: %s, %s in %s", offers.Call, offers.Name, count(offers.Called, "vendor"),
		count(len(offers.Proposals), "proposal"), count(len(offers.Plans), "plan"),
		time.Duration(offers.Elapsed).Round(10*time.Microsecond))}
}

func closed(stands standing, reason string) proto.Event {
	return proto.Event{Kind: proto.EventCallClosed, Name: stands.Name, Message: fmt.Sprintf(
		"Call %s for %s is %s: %s", stands.Call, stands.Name, stands.State, reason)}
}

// countered tells of the end of a round of negotiation.
func countered(stands standing, round proto.Round) proto.Event {
	var outcome string
	switch round.State {
	case proto.RoundBettered:
		outcome = "it has come down"
	case proto.RoundRepeated:
		outcome = "it proposes the same again"
	case proto.RoundDropped:
		outcome = "the call was closed before it answered"
	default:
		outcome = round.Refusal.Error()
	}
	return proto.Event{Kind: proto.EventCallCountered, Name: stands.Name, Message: fmt.Sprintf(
		"Counter-offer to %s for %s, round %d: %s", round.Vendor, stands.Name, round.Round, outcome)}
}

func begun(attempt attemptRecord) proto.Event {
	if len(attempt.Legs) == 0 {
		return attemptEvent(proto.EventAttemptBegun, attempt, "Changing %s under the agreements that stand", attempt.Name)
	}
	return attemptEvent(proto.EventAttemptBegun, attempt, "Taking plan %d for %s with %s, reserving %s; they have until %s",
		attempt.Plan.Rank, attempt.Name, attempt.vendorsIn(proto.LegAccepting), attempt.Reserved,
		attempt.DecideBy.Format(time.RFC3339))
}

func committed(attempt attemptRecord) proto.Event {
	if len(attempt.Legs) == 0 {
		return attemptEvent(proto.EventAttemptCommitted, attempt, "The change of %s is agreed on: %s", attempt.Name, attempt.Plan.Price)
	}
	return attemptEvent(proto.EventAttemptCommitted, attempt, "Plan %d for %s is taken: %s, all of %s agreed",
		attempt.Plan.Rank, attempt.Name, attempt.Plan.Price, attempt.vendorsIn(proto.LegObserved))
}

func undoing(attempt attemptRecord) proto.Event {
	return attemptEvent(proto.EventAttemptUndoing, attempt, "Plan %d for %s is being undone: %s",
		attempt.Plan.Rank, attempt.Name, attempt.Reason)
}

func undone(attempt attemptRecord) proto.Event {
	if attempt.State == sla.AttemptAbandoned {
		return attemptEvent(proto.EventAttemptUndone, attempt,
			"Plan %d for %s was abandoned; %s never confirmed it: it may still cost",
			attempt.Plan.Rank, attempt.Name, attempt.vendorsIn(proto.LegCancelling))
	}
	return attemptEvent(proto.EventAttemptUndone, attempt, "Plan %d for %s is undone, nothing of it stands: %s",
		attempt.Plan.Rank, attempt.Name, attempt.Reason)
}

func attemptEvent(kind proto.EventKind, attempt attemptRecord, format string, arguments ...any) proto.Event {
	return proto.Event{
		Kind: kind, Name: attempt.Name, Deployment: attempt.Deployment, Message: fmt.Sprintf(format, arguments...),
	}
}

func observed(name string, agreement sla.Agreement) proto.Event {
	return proto.Event{Kind: proto.EventAgreementObserved, Name: name, Deployment: agreement.Deployment, Message: fmt.Sprintf(
		"Agreement with %s on %s of %s is observed", agreement.Vendor, classesOf(agreement), name)}
}

func agreementEnded(name string, agreement sla.Agreement, remark string) proto.Event {
	message := fmt.Sprintf("Agreement with %s on %s of %s has ended", agreement.Vendor, classesOf(agreement), name)
	if remark != "" {
		message += "; " + remark
	}
	return proto.Event{Kind: proto.EventAgreementEnded, Name: name, Deployment: agreement.Deployment, Message: message}
}

func agreementReduced(name string, agreement sla.Agreement, classes []string) proto.Event {
	return proto.Event{Kind: proto.EventAgreementEnded, Name: name, Deployment: agreement.Deployment, Message: fmt.Sprintf(
		"Agreement with %s has ended for %s of %s; it goes on for %s", agreement.Vendor, strings.Join(classes, ", "), name,
		classesOf(agreement))}
}

func classesOf(agreement sla.Agreement) string {
	return strings.Join(slices.Sorted(maps.Keys(agreement.Classes)), ", ")
}

func count(number int, thing string) string {
	if number == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", number, thing)
}
