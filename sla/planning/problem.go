package planning

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
)

// ErrEffort is wrapped by the error of Plans when the search was given up: the plans returned with it are feasible, but
// better ones may exist.
var ErrEffort = errors.New("too many combinations")

// ErrApplication is wrapped by the error of Plans for an application that does not make sense, whatever is proposed.
var ErrApplication = errors.New("application cannot be planned")

// DefaultEffort is how many steps a search may take unless the problem says otherwise: some seconds of work.
const DefaultEffort = 20_000_000

// Problem is what plans are looked for.
type Problem struct {
	// Application with its defaults filled in, validated.
	Application descriptors.Application
	// Call is the id of the call for proposals; proposals that answer another are left out. If empty, none are, and a
	// plan bears the call of its first leg's proposal.
	Call string
	// Proposals as the vendors made them. Of several by one vendor, the one of the latest round counts, and among those the
	// one with the greatest id. They may be malformed: what cannot be used is left out, and said.
	Proposals []sla.Proposal
	// Now decides which proposals are still valid.
	Now time.Time
	// Effort bounds the steps of the search, DefaultEffort if zero.
	Effort int
}

// Result is what was found.
type Result struct {
	// Plans are feasible, the best first.
	Plans []sla.Plan
	// Obstacles say what was left out and, if there is no plan, why. What prevents every plan comes first, then what was
	// left out, ordered by class and vendor, that about whole proposals before that about classes.
	Obstacles []Obstacle
}

// Obstacle is something that stands in the way of plans.
type Obstacle struct {
	// Class that it is about; empty for the application, or a vendor, as a whole.
	Class string `json:"class,omitempty" yaml:"class,omitempty"`
	// Vendor that it is about; empty for all.
	Vendor string `json:"vendor,omitempty" yaml:"vendor,omitempty"`
	Reason string `json:"reason" yaml:"reason"`
	// Hint is the way out, where one is known.
	Hint string `json:"hint,omitempty" yaml:"hint,omitempty"`
}

// String writes the obstacle as a line for people.
func (o Obstacle) String() string {
	text := o.Reason
	switch {
	case o.Class != "" && o.Vendor != "":
		text = o.Class + " at " + o.Vendor + ": " + text
	case o.Class != "" || o.Vendor != "":
		text = o.Class + o.Vendor + ": " + text
	}
	if o.Hint != "" {
		text += " (" + o.Hint + ")"
	}
	return text
}

// Plans returns up to limit best plans. It is no error that there is none: the obstacles say why. The error wraps
// ErrApplication or quantity.ErrCurrency for an application that cannot be planned at all, and ErrEffort when the search
// was given up.
func Plans(problem Problem, limit int) (Result, error) {
	if limit < 1 {
		return Result{}, fmt.Errorf("planning %q: asked for %d plans", problem.Application.Name, limit)
	}
	result, err := plans(problem, limit)
	if err != nil {
		return result, fmt.Errorf("planning %q: %w", problem.Application.Name, err)
	}
	return result, nil
}

func plans(problem Problem, limit int) (Result, error) {
	selection, err := selectionOf(problem.Application.Select)
	if err != nil {
		return Result{}, err
	}
	limits, err := limitsOf(problem.Application)
	if err != nil {
		return Result{}, err
	}
	market := newMarket(problem)
	field, err := newField(market)
	if err != nil {
		return Result{}, err
	}
	missing := field.unserved()
	if len(missing) == 0 {
		missing = field.crowded()
	}
	if len(missing) > 0 {
		return Result{Obstacles: market.sorted(missing)}, nil
	}
	effort := problem.Effort
	if effort == 0 {
		effort = DefaultEffort
	}
	// No machine holds more plans than this.
	limit = min(limit, math.MaxInt32)
	found, err := field.best(selection, limits, limit, &effort)
	if err == nil && len(found) == 0 {
		var blocking []Obstacle
		blocking, err = field.explain(limits, &effort)
		return Result{Obstacles: market.sorted(blocking)}, err
	}
	plans := field.plans(found, selection)
	if err != nil && len(plans) > 0 {
		plans[0].Remark = "best found before the search was given up"
	}
	return Result{Plans: plans, Obstacles: market.sorted(nil)}, err
}

// limits are what a plan must stay within. The greatest integer is no limit.
type limits struct {
	maximum int64 // micro-units per hour at the maximum of every range
	loss    int64 // see lossOf
}

const unlimited = math.MaxInt64

func limitsOf(application descriptors.Application) (limits, error) {
	result := limits{maximum: unlimited, loss: unlimited}
	if len(application.Resources) == 0 {
		return result, fmt.Errorf("%w: it has no classes", ErrApplication)
	}
	if application.Currency == "" {
		return result, fmt.Errorf("%w: it has no currency", ErrApplication)
	}
	if budget := application.Budget.PerHour; budget.Micros != 0 {
		if budget.Currency != application.Currency {
			return result, fmt.Errorf("budget of %s, prices in %s: %w", application.Budget, application.Currency, quantity.ErrCurrency)
		}
		result.maximum = budget.Micros
	}
	if asked := application.Objectives.Availability; asked != 0 {
		if !(asked > 0 && asked <= 1) {
			return result, fmt.Errorf("%w: availability of %v is not above 0%% and at most 100%%", ErrApplication, float64(asked))
		}
		// Each class's loss is rounded by at most half a step.
		classes := len(application.Resources)
		result.loss = lossOf(asked, classes) + int64(classes)
	}
	return result, nil
}

// lossPerNeper is the number of steps of unavailability in a factor of e.
const lossPerNeper = 1e12

// lossOf is unavailability as the planner counts it: the negative natural logarithm of availability in whole steps, so that
// the losses of classes add up, exactly and in any sequence. The loss of one class is bounded so that those of all
// of them stay within 64 bits.
func lossOf(availability quantity.Percent, classes int) int64 {
	steps := math.Round(-math.Log(float64(availability)) * lossPerNeper)
	return int64(min(max(steps, 0), float64(math.MaxInt64/4/(classes+1))))
}
