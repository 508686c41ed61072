package services_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// noon is the time of all that these tests log.
type noon struct{}

func (noon) Now() time.Time {
	return time.Date(2026, 3, 1, 13, 4, 5, 678_000_000, time.FixedZone("", 3600))
}
func (noon) NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(d) }

func ExampleNewLogger() {
	var output bytes.Buffer
	log := services.NewLogger(services.LogOptions{Writer: &output}).WithOptions(zap.WithClock(noon{}))
	ptc := log.Named("vendor").Named("ptc-athens").With(zap.String(services.FieldDeployment, "shop"))
	ptc.Info("created web-1", zap.String(services.FieldClass, "web"), zap.Duration(services.FieldDuration, 1200*time.Millisecond))
	ptc.Warn("try again", zap.Error(errors.New("connection refused")))
	fmt.Print(output.String())
	// Output:
	// 12:04:05.678Z INFO  vendor.ptc-athens: created web-1 deployment=shop class=web duration=1.2s
	// 12:04:05.678Z WARN  vendor.ptc-athens: try again deployment=shop error="connection refused"
}

func TestConsoleLine(t *testing.T) {
	var output bytes.Buffer
	log := services.NewLogger(services.LogOptions{Writer: &output}).WithOptions(zap.WithClock(noon{}))
	for _, line := range []struct {
		write  func()
		wanted string
	}{
		{func() { log.Debug("not shown") }, ""},
		{func() { log.Info("plain") }, "INFO  plain\n"},
		{func() { log.Info("two\nlines\x1b[2J") }, `INFO  "two\nlines\x1b[2J"` + "\n"},
		{func() { log.Info("x", zap.String("a", "two\nlines"), zap.String("b=c\n", "")) },
			`INFO  x a="two\nlines" "b=c\n"=""` + "\n"},
		{func() {
			log.Info("x", zap.Int("n", 1), zap.Bool("b", true), zap.Float64("f", 0.5), zap.Time("at", noon{}.Now()))
		},
			"INFO  x n=1 b=true f=0.5 at=2026-03-01T12:04:05Z\n"},
		{func() {
			log.Info("x", zap.Strings("list", []string{"a", "b"}), zap.Reflect("r", map[string]int{"k": 1}))
		},
			`INFO  x list=["a","b"] r={"k":1}` + "\n"},
		{func() {
			log.With(zap.Namespace("outer"), zap.Int("n", 1)).Info("x", zap.Namespace("inner"), zap.Int("m", 2))
		},
			"INFO  x outer.n=1 outer.inner.m=2\n"},
		{func() { log.Error("x", zap.NamedError("cause", verboseError{})) }, "ERROR x cause=refused\n"},
	} {
		output.Reset()
		line.write()
		if got := strings.TrimPrefix(output.String(), "12:04:05.678Z "); got != line.wanted {
			t.Errorf("got %q, wanted %q", got, line.wanted)
		}
	}
}

func TestJSONLine(t *testing.T) {
	var output bytes.Buffer
	options := services.LogOptions{Level: zapcore.DebugLevel, Format: services.LogJSON, Writer: &output}
	log := services.NewLogger(options).WithOptions(zap.WithClock(noon{}))
	log.Named("broker").Debug("asked", zap.String(services.FieldCall, "c1"), zap.Duration(services.FieldDuration, time.Second))
	wanted := `{"level":"debug","time":"2026-03-01T12:04:05.678Z","logger":"broker","message":"asked","call":"c1","duration":"1s"}`
	if got := strings.TrimSpace(output.String()); got != wanted {
		t.Errorf("got %s, wanted %s", got, wanted)
	}
}

func TestForwardedEntries(t *testing.T) {
	defer goleak.VerifyNone(t)
	var sent []services.LogEntry
	forwarder := services.NewForwarder(8, func(_ context.Context, entry services.LogEntry) error {
		sent = append(sent, entry)
		return nil
	})
	log := services.NewLogger(services.LogOptions{Forwarder: forwarder, Scrubber: knowing(planted)}).WithOptions(zap.WithClock(noon{}))
	log.Named("vendor").With(zap.String("a", planted)).Info("one "+planted, zap.Int("b", 2))
	log.Debug("below the level")
	log.Warn("two")
	forwarder.Close(t.Context())
	forwarder.Close(t.Context())
	log.Info("too late")
	got, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	wanted := `[{"time":"2026-03-01T12:04:05.678Z","level":"info","logger":"vendor","message":"one [redacted]",` +
		`"fields":{"a":"[redacted]","b":2}},{"time":"2026-03-01T12:04:05.678Z","level":"warn","message":"two"}]`
	if string(got) != wanted || forwarder.Dropped() != 1 {
		t.Errorf("sent %s and dropped %d, wanted %s", got, forwarder.Dropped(), wanted)
	}
}

// TestForwarderNeverBlocks logs much more than there is room for while nothing is taken.
func TestForwarderNeverBlocks(t *testing.T) {
	defer goleak.VerifyNone(t)
	const room, callers, each = 10, 8, 100
	taking, take := make(chan struct{}), make(chan struct{})
	sent := 0
	forwarder := services.NewForwarder(room, func(context.Context, services.LogEntry) error {
		if sent++; sent == 1 {
			close(taking)
		}
		<-take
		return nil
	})
	log := services.NewLogger(services.LogOptions{Forwarder: forwarder})
	log.Info("first")
	<-taking
	var logging sync.WaitGroup
	for range callers {
		logging.Go(func() {
			for range each {
				log.Info("more")
			}
		})
	}
	logging.Wait()
	if dropped := forwarder.Dropped(); dropped != callers*each-room {
		t.Errorf("dropped %d of %d with room for %d", dropped, callers*each, room)
	}
	close(take)
	forwarder.Close(t.Context())
	if sent != 1+room {
		t.Errorf("sent %d, wanted %d", sent, 1+room)
	}
}

// TestForwarderIsClosedInTime has a sender that waits for ever, as far as it may.
func TestForwarderIsClosedInTime(t *testing.T) {
	defer goleak.VerifyNone(t)
	forwarder := services.NewForwarder(10, func(ctx context.Context, _ services.LogEntry) error {
		<-ctx.Done()
		return ctx.Err()
	})
	log := services.NewLogger(services.LogOptions{Forwarder: forwarder})
	for range 5 {
		log.Info("never arrives")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	forwarder.Close(ended)
	if forwarder.Dropped() != 5 {
		t.Errorf("dropped %d of 5", forwarder.Dropped())
	}
}
