package standalone_test

import (
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/agents/standalone"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

func TestLimitsAreTheAgentsAndTheRestIsTheModules(t *testing.T) {
	account, err := account(t, "module: ptc\nregion: athens\nlimits: {per-second: 2.5, burst: 4, concurrent: 3, retry-within: 90s, failures: 7, leave-alone: 1m}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := standalone.Limits{
		PerSecond: 2.5, Burst: 4, Concurrent: 3, RetryWithin: quantity.Duration(90 * time.Second), Failures: 7,
		LeaveAlone: quantity.Duration(time.Minute),
	}
	if account.Limits != want {
		t.Errorf("the limits are %+v", account.Limits)
	}
	rest, err := yaml.Marshal(account.Configuration)
	if err != nil || string(rest) != "region: athens\n" {
		t.Errorf("the module is told %q, %v", rest, err)
	}
}

func TestFaultsOfLimitsSayWhere(t *testing.T) {
	_, err := account(t, "module: ptc\nlimits:\n  per-secund: 2\n  burst: -1\n")
	if err == nil || !strings.Contains(err.Error(), `:3:3  limits.per-secund: no such field; did you mean "per-second"?`) ||
		!strings.Contains(err.Error(), ":4:10  limits.burst: below zero") {
		t.Errorf("the faults are %v", err)
	}
}

// account reads a vendor's part of a configuration.
func account(t *testing.T, text string) (standalone.Account, error) {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	return standalone.ReadAccount("vendor", document.Content[0])
}
