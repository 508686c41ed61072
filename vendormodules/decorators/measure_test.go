package decorators_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// slow is a module whose List takes the durations it is given, one after another.
type slow struct {
	vendormodules.Module
	hand  *manual
	takes []time.Duration
}

func (s *slow) List(ctx context.Context) ([]vendormodules.Resource, error) {
	took := s.takes[0]
	s.takes = s.takes[1:]
	return nil, s.hand.Sleep(ctx, took)
}

func TestMeasureDurations(t *testing.T) {
	hand := newManual()
	inside := &slow{Module: memory.New().Open(memory.Agency), hand: hand}
	for index := range 100 {
		inside.takes = append(inside.takes, time.Duration(index+1)*time.Millisecond)
	}
	recorder := &decorators.Recorder{}
	module := decorators.Measure(inside, recorder, hand.Now)
	for range 100 {
		if _, err := module.List(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	figures := recorder.Snapshot()
	if len(figures) != 1 || figures[0].Operation != decorators.List || figures[0].Calls != 100 {
		t.Fatalf("the figures are %+v", figures)
	}
	for _, row := range []struct {
		name      string
		got, want time.Duration
	}{
		{"p50", time.Duration(figures[0].P50), 50 * time.Millisecond},
		{"p95", time.Duration(figures[0].P95), 95 * time.Millisecond},
		{"p99", time.Duration(figures[0].P99), 99 * time.Millisecond},
	} {
		if row.got < row.want || row.got > row.want*11/10 {
			t.Errorf("%s is %s, should be %s or up to a tenth more", row.name, row.got, row.want)
		}
	}
	longest, total := time.Duration(figures[0].Longest), time.Duration(figures[0].Total)
	if longest != 100*time.Millisecond || total != 5050*time.Millisecond {
		t.Errorf("the longest is %s, all together %s", longest, total)
	}
}

func TestMeasureExtremes(t *testing.T) {
	hand := newManual()
	inside := &slow{Module: memory.New().Open(memory.Agency), hand: hand, takes: []time.Duration{0, 240 * time.Hour}}
	recorder := &decorators.Recorder{}
	module := decorators.Measure(inside, recorder, hand.Now)
	for range 2 {
		if _, err := module.List(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	figures := recorder.Snapshot()[0]
	if time.Duration(figures.P50) > time.Microsecond || time.Duration(figures.P99) != 240*time.Hour {
		t.Errorf("the figures are %+v", figures)
	}
}

func TestMeasureErrors(t *testing.T) {
	cloud, recorder := memory.New(), &decorators.Recorder{}
	module := decorators.Measure(cloud.Open(memory.Agency), recorder, time.Now)
	cloud.Inject("list", faults(2, errLost)...)
	cloud.Inject("list", faults(1, errors.New("what is this"))...)
	for range 4 {
		_, _ = module.List(t.Context()) // the figures tell
	}
	wants(t, module.Delete(t.Context(), "r-9"), vendormodules.ErrNotFound)
	figures := recorder.Snapshot()
	if len(figures) != 2 || figures[0].Operation != decorators.Delete || figures[0].Errors["not found"] != 1 {
		t.Errorf("the figures are %+v", figures)
	}
	list := figures[1]
	if list.Calls != 4 || len(list.Errors) != 2 || list.Errors["transient failure"] != 2 || list.Errors["unmapped"] != 1 {
		t.Errorf("the figures are %+v", list)
	}
}

func TestLog(t *testing.T) {
	core, logged := observer.New(zap.DebugLevel)
	cloud, hand := memory.New(), newManual()
	module := decorators.Log(cloud.Open(memory.Agency), zap.New(core), hand.Now)
	if _, err := module.Create(t.Context(), machine("web-1")); err != nil {
		t.Fatal(err)
	}
	cloud.Inject("delete", memory.Fault{Err: errLost})
	wants(t, module.Delete(t.Context(), "r-1"), vendormodules.ErrTransient)
	lines := logged.All()
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	for index, want := range []map[string]any{
		{"operation": "create", "subject": "web-1", "duration": time.Duration(0), "error": ""},
		{"operation": "delete", "subject": "r-1", "duration": time.Duration(0), "error": "transient failure"},
	} {
		got := lines[index].ContextMap()
		for field, value := range want {
			if got[field] != value {
				t.Errorf("line %d: %s is %v, should be %v", index, field, got[field], value)
			}
		}
		if len(got) != len(want) {
			t.Errorf("line %d says more than it should: %v", index, got)
		}
	}
}
