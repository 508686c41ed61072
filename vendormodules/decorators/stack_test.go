package decorators_test

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// stacked is a stack with all that a test may want to look at.
type stacked struct {
	vendormodules.Module
	cloud           *memory.Cloud
	hand            *manual
	calls, attempts *decorators.Recorder
	logged          *observer.ObservedLogs
}

func stack(options decorators.Options) stacked {
	core, logged := observer.New(zap.DebugLevel)
	s := stacked{
		cloud: memory.New(), hand: newManual(), logged: logged,
		calls: &decorators.Recorder{}, attempts: &decorators.Recorder{},
	}
	options.Clock, options.Log, options.Scrub = s.hand.clock(), zap.New(core), scrub
	options.Calls, options.Attempts = s.calls, s.attempts
	s.Module = decorators.Stack(s.cloud.Open(memory.Agency), options)
	return s
}

func TestStackCountsCallsAndAttempts(t *testing.T) {
	s := stack(decorators.Options{})
	s.cloud.Inject("list", faults(3, errLost)...)
	if _, err := s.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls := s.calls.Snapshot()[0]; calls.Calls != 1 || len(calls.Errors) != 0 || calls.Total == 0 {
		t.Errorf("calls: %+v", calls)
	}
	attempts := s.attempts.Snapshot()[0]
	if attempts.Calls != 4 || attempts.Errors["transient failure"] != 3 || attempts.Total != 0 {
		t.Errorf("attempts: %+v", attempts)
	}
	if lines := s.logged.Len(); lines != 1 {
		t.Errorf("%d lines for one call", lines)
	}
}

// TestStackGivesUpAtAnOpenCircuit sees the tries end when the circuit opens, and calls after it not wait at all.
func TestStackGivesUpAtAnOpenCircuit(t *testing.T) {
	s := stack(decorators.Options{
		Breaker: decorators.BreakerOptions{Failures: 3, OpenFor: time.Hour},
		Limit:   decorators.LimitOptions{PerSecond: 1, Burst: 3},
	})
	s.cloud.Inject("list", faults(1000, errLost)...)
	_, err := s.List(t.Context())
	wants(t, err, decorators.ErrCircuitOpen, vendormodules.ErrTransient)
	slept := len(s.hand.slept)
	for range 100 {
		_, err := s.List(t.Context())
		wants(t, err, decorators.ErrCircuitOpen)
	}
	if calls := s.cloud.Calls("list"); calls != 3 || len(s.hand.slept) != slept {
		t.Errorf("the cloud was called %d times, and calls slept %v", calls, s.hand.slept[slept:])
	}
}

func TestStackTriesInTurn(t *testing.T) {
	s := stack(decorators.Options{
		Retry: decorators.RetryOptions{First: time.Millisecond, Longest: time.Millisecond},
		Limit: decorators.LimitOptions{PerSecond: 1, Burst: 1},
	})
	s.cloud.Inject("list", faults(3, errLost)...)
	began := s.hand.Now()
	if _, err := s.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := s.hand.Now().Sub(began); took < 2900*time.Millisecond {
		t.Errorf("4 tries at 1 a second took %s", took)
	}
}

func TestStackTellsNoSecret(t *testing.T) {
	s := stack(decorators.Options{Breaker: decorators.BreakerOptions{Failures: 1}})
	s.cloud.Inject("list", faults(10, fmt.Errorf("token %s: %w", secret, errLost))...)
	for range 2 {
		_, err := s.List(t.Context())
		silent(t, err)
		wants(t, err, vendormodules.ErrTransient)
	}
	silent(t, fmt.Errorf("%v %+v %+v", s.logged.All(), s.calls.Snapshot(), s.attempts.Snapshot()))
}
