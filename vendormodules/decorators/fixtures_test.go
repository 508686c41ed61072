package decorators_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// manual is a clock that only a sleep moves on.
type manual struct {
	mutex sync.Mutex
	now   time.Time
	slept []time.Duration
}

func newManual() *manual { return &manual{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (m *manual) clock() decorators.Clock { return decorators.Clock{Now: m.Now, Sleep: m.Sleep} }

func (m *manual) Now() time.Time {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.now
}

func (m *manual) Sleep(ctx context.Context, duration time.Duration) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.now = m.now.Add(duration)
	m.slept = append(m.slept, duration)
	return ctx.Err()
}

// hinted is a transient failure with the cloud's hint.
type hinted time.Duration

func (h hinted) Error() string             { return "slow down" }
func (h hinted) Unwrap() error             { return vendormodules.ErrTransient }
func (h hinted) RetryAfter() time.Duration { return time.Duration(h) }

// tokenless is a cloud whose repeated creates may make doubles.
type tokenless struct{ *memory.Module }

func (t tokenless) Describe() vendormodules.Description {
	description := t.Module.Describe()
	description.CreateToken = false
	return description
}

var errLost = fmt.Errorf("connection lost: %w", vendormodules.ErrTransient)

// faults are count equal ones.
func faults(count int, err error) []memory.Fault {
	var all []memory.Fault
	for range count {
		all = append(all, memory.Fault{Err: err})
	}
	return all
}

func machine(key string) vendormodules.Request {
	return vendormodules.Request{
		Key: key, Name: key, Tags: vendormodules.Tags{Agency: memory.Agency},
		Class: descriptors.Class{Type: descriptors.Compute, Image: memory.Image, Cores: 1},
	}
}

// started makes a machine that no fault is waiting for, and returns its id.
func started(t *testing.T, cloud *memory.Cloud) string {
	t.Helper()
	resource, err := cloud.Open(memory.Agency).Create(t.Context(), machine("first"))
	if err != nil {
		t.Fatal(err)
	}
	for resource.State != vendormodules.ResourceRunning {
		if resource, err = cloud.Open(memory.Agency).Get(t.Context(), resource.ID); err != nil {
			t.Fatal(err)
		}
	}
	return resource.ID
}

func wants(t *testing.T, err error, sentinels ...error) {
	t.Helper()
	for _, sentinel := range sentinels {
		if !errors.Is(err, sentinel) {
			t.Errorf("the error is %v, and should wrap %q", err, sentinel)
		}
	}
}
