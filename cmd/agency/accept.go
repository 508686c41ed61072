package main

import "context"

type acceptVerb struct {
	callVerb
	Plan   int  `arg:"" optional:"" default:"1" help:"Rank of the plan; 1, the best, by default."`
	OrNext bool `help:"If that plan cannot be taken, take the next that can."`
}

// Help implements kong.HelpProvider.
func (acceptVerb) Help() string {
	return example(
		"agency accept shop                takes the best plan",
		"agency accept shop 2              takes the second",
		"agency accept shop --or-next      takes the best that can be taken, should a vendor change its mind")
}

// Run takes a plan.
func (v acceptVerb) Run(ctx context.Context, s *session) error {
	if v.Plan < 1 {
		return badInput("`agency compare "+v.Call+"` lists them", "%d is not the rank of a plan", v.Plan)
	}
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	take := agency.Accept
	if v.OrNext {
		take = agency.AcceptOrNext
	}
	attempt, err := take(ctx, v.Call, v.Plan)
	if err != nil {
		return err
	}
	return s.print(v.Output, attempt, func() { s.showAttempt(attempt) })
}
