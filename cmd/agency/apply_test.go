package main

import (
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// TestAChangeThatNobodyServesSaysWhoWasAsked: each vendor is named once, with its reason, and the first way out is the hint.
func TestAChangeThatNobodyServesSaysWhoWasAsked(t *testing.T) {
	offers := proto.Offers{
		Application: descriptors.Application{Resources: map[string]descriptors.Class{"web": {}}},
		Obstacles: []proto.Obstacle{
			{Class: "web", Reason: "no vendor serves it"},
			{Class: "web", Vendor: "athens", Reason: "refused: 9 cores, 4 are free (would do 4)"},
		},
		Refusals: map[string]sla.Refusal{
			"athens": {Message: "web: 9 cores, 4 are free (would do 4)"},
			"lisbon": {Message: "web: is in PT, not in GR"},
			"oslo":   {Message: "oslo is not there", Hint: "agency vendors"},
		},
	}
	err := unchangeable(offers)
	for _, part := range []string{
		"web: no vendor serves it", "web at athens: refused: 9 cores", "lisbon refused: web: is in PT, not in GR", "oslo refused: oslo is not there",
	} {
		if err == nil || strings.Count(err.Error(), part) != 1 {
			t.Errorf("%q is not said once in %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "athens refused") {
		t.Errorf("athens is named twice in %v", err)
	}
	offers.Plans = []sla.Plan{{Rank: 1}}
	if err := unchangeable(offers); err != nil {
		t.Errorf("with a plan it is %v", err)
	}
}
