package standalone

import (
	"time"

	"go.uber.org/zap"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
)

// Limits are how much a cloud may be asked, and how patient the agent is with it. What is zero has the decorators'
// default.
type Limits struct {
	// PerSecond is the mean number of calls in a second, Burst how many may come at once, Concurrent how many may be under
	// way.
	PerSecond  float64 `yaml:"per-second"`
	Burst      int     `yaml:"burst"`
	Concurrent int     `yaml:"concurrent"`
	// RetryWithin is how long after its beginning a call may be tried again.
	RetryWithin quantity.Duration `yaml:"retry-within"`
	// Failures in a row after which the cloud is left alone, and LeaveAlone for how long.
	Failures   uint32            `yaml:"failures"`
	LeaveAlone quantity.Duration `yaml:"leave-alone"`
}

// readLimits reads limits strictly. The error is descriptors.Faults.
func readLimits(node *yaml.Node) (Limits, error) {
	var limits struct {
		Limits Limits `yaml:"limits"`
	}
	err := vendormodules.Configure(named("limits", node), &limits, func(_ descriptors.Positions, fault vendormodules.Fault) {
		for name, below := range map[string]bool{
			"per-second": limits.Limits.PerSecond < 0, "burst": limits.Limits.Burst < 0, "concurrent": limits.Limits.Concurrent < 0,
			"retry-within": limits.Limits.RetryWithin < 0, "leave-alone": limits.Limits.LeaveAlone < 0,
		} {
			if below {
				fault("limits."+name, "below zero")
			}
		}
	})
	return limits.Limits, err
}

// decorators are those that keep the limits.
func (l Limits) decorators(log *zap.Logger, scrub func(string) string) decorators.Options {
	return decorators.Options{
		Log: log, Scrub: scrub,
		Limit:   decorators.LimitOptions{PerSecond: l.PerSecond, Burst: l.Burst, Concurrent: l.Concurrent},
		Retry:   decorators.RetryOptions{Within: time.Duration(l.RetryWithin)},
		Breaker: decorators.BreakerOptions{Failures: l.Failures, OpenFor: time.Duration(l.LeaveAlone)},
	}
}
