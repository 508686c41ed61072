package main

import "context"

type rejectVerb struct{ callVerb }

// Help implements kong.HelpProvider.
func (rejectVerb) Help() string { return example("agency reject shop") }

// Run gives a call up.
func (v rejectVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	offers, err := agency.Reject(ctx, v.Call)
	if err != nil {
		return err
	}
	return s.print(v.Output, offers, func() {
		s.screen.Line("%s: call %s is %s; what the vendors held for it is free again.", offers.Name, offers.Call,
			s.screen.State(string(offers.State)))
	})
}
