package standalone_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/agents/vendor"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

func TestNegotiationIsTheAgents(t *testing.T) {
	account, err := account(t, "module: ptc\nnegotiation: {lowest: 85%, types: {volume: 100%, compute: 70%}, rounds: 4, step: 5%}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := vendor.Negotiation{
		Lowest: 0.85, Rounds: 4, Step: 0.05,
		Types: map[descriptors.ResourceType]quantity.Percent{descriptors.Volume: 1, descriptors.Compute: 0.7},
	}
	if !reflect.DeepEqual(account.Negotiation, want) {
		t.Errorf("the negotiation is %+v", account.Negotiation)
	}
	if len(account.Configuration.Content) != 0 {
		t.Errorf("the module is told %v", account.Configuration.Content)
	}
}

func TestFaultsOfNegotiationSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"module: ptc\nnegotiation: {rounds: 3}\n":                               `:2:14  negotiation: names no lowest price; write lowest: 85%, of the list price`,
		"module: ptc\nnegotiation:\n  lowest: 85\n":                             `:3:11  negotiation.lowest: "85" is not a percentage`,
		"module: ptc\nnegotiation:\n  lowest: 85%\n  rounds: 99\n":              `:4:11  negotiation.rounds: 99 is not from 1 to 10`,
		"module: ptc\nnegotiation:\n  lowest: 85%\n  types: { cluster: 80% }\n": `negotiation.types.cluster: "cluster" is no type of resource that has a price`,
		"module: ptc\nnegotiation:\n  lowset: 85%\n":                            `:3:3  negotiation.lowset: no such field; did you mean "lowest"?`,
	} {
		if _, err := account(t, text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s\nthe faults are %v, want %s and no other", text, err, want)
		}
	}
}
