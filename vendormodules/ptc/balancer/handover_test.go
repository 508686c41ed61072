package balancer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/balancer"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// patience is some time for which nothing becomes healthy.
const patience = 300 * time.Millisecond

// begin starts a change of the targets that takes its time.
func (f *front) begin(targets ...vendormodules.Target) <-chan error {
	f.Helper()
	f.record.Targets = targets
	if err := f.directory.Write(f.record); err != nil {
		f.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- balancer.Reload(context.WithoutCancel(f.Context()), f.directory, wait) }()
	return done
}

// sickly serves HTTP, and passes its checks once it is well.
func sickly(t *testing.T, name string, well *atomic.Bool) vendormodules.Target {
	t.Helper()
	return target(t, name, http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/healthz" && !well.Load() {
			writer.WriteHeader(http.StatusInternalServerError)
			return
		}
		fmt.Fprint(writer, name)
	}))
}

func TestTheLastThatServesGoesWhenAnotherIsHealthy(t *testing.T) {
	var well atomic.Bool
	next := sickly(t, "next", &well)
	f := newFront(t, "http", "/healthz", target(t, "last", echo("last")))
	f.healthy(1)
	done := f.begin(next)
	vendortest.Eventually(t, wait, "the new target is checked", func() error {
		if figures := f.figures(); figures.Targets != 2 {
			return fmt.Errorf("the figures are %+v", figures)
		}
		return nil
	})
	for range 10 {
		if status, answer, err := f.send(http.MethodGet, ""); status != http.StatusOK || !strings.HasPrefix(answer, "last") || err != nil {
			t.Errorf("meanwhile %q answers, status %d, %v", answer, status, err)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("the change ended with %v, and nobody is healthy", err)
	default:
	}
	well.Store(true)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if status, answer, err := f.send(http.MethodGet, ""); status != http.StatusOK || answer != "next" || err != nil {
			t.Errorf("afterwards %q answers, status %d, %v", answer, status, err)
		}
	}
}

func TestTheLastThatServesStaysWhereNobodyComesInItsPlace(t *testing.T) {
	var never atomic.Bool
	for name, next := range map[string]vendormodules.Target{"dead": dead(t), "sick": sickly(t, "sick", &never)} {
		t.Run(name, func(t *testing.T) {
			last := target(t, "last", echo("last"))
			f := newFront(t, "http", "/healthz", last)
			f.healthy(1)
			f.record.Targets = []vendormodules.Target{next}
			if err := f.directory.Write(f.record); err != nil {
				t.Fatal(err)
			}
			err := balancer.Reload(t.Context(), f.directory, patience)
			if !errors.Is(err, balancer.ErrNeeded) || !strings.Contains(err.Error(), name+" passes no check") || !strings.Contains(err.Error(), "last serves on") {
				t.Fatalf("the change ended with %v", err)
			}
			if figures := f.figures(); figures.Targets != 1 || figures.Healthy != 1 {
				t.Errorf("the figures are %+v", figures)
			}
			if status, answer, err := f.send(http.MethodGet, ""); status != http.StatusOK || !strings.HasPrefix(answer, "last") || err != nil {
				t.Errorf("%q answers, status %d, %v", answer, status, err)
			}
		})
	}
}

func TestNobodyIsWaitedForWhereNobodyIsToServe(t *testing.T) {
	f := newFront(t, "http", "/healthz", target(t, "last", echo("last")))
	f.healthy(1)
	f.set()
	if figures := f.figures(); figures.Targets != 0 {
		t.Errorf("the figures are %+v", figures)
	}
}

func TestATargetThatIsOnlyLateIsAsked(t *testing.T) {
	var slow atomic.Bool
	leave := make(chan struct{})
	defer close(leave)
	busy := target(t, "busy", http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/healthz" && slow.Load() {
			select {
			case <-request.Context().Done():
			case <-leave:
			}
			return
		}
		fmt.Fprint(writer, "busy")
	}))
	f := newFront(t, "http", "/healthz", busy)
	f.healthy(1)
	slow.Store(true)
	f.healthy(0)
	if status, answer, err := f.send(http.MethodGet, ""); status != http.StatusOK || answer != "busy" || err != nil {
		t.Errorf("%q answers, status %d, %v", answer, status, err)
	}
}
