package scale_test

import (
	"context"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cloud-agency/agency/proto"
)

// figures are those of one run.
type figures struct{ b *testing.B }

func (f *figures) report(name string, value float64) { f.b.ReportMetric(value, name) }

// median reports the median of how long a few calls take, in milliseconds; a failure is reported as such and logged.
func (f *figures) median(name string, call func() error) {
	const calls = 5
	var took []time.Duration
	for range calls {
		began := time.Now()
		if err := call(); err != nil {
			f.b.Logf("%s: %v", name, err)
			f.report(name+"-failed", 1)
			return
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	f.report(name+"-ms", milliseconds(took[calls/2]))
}

func milliseconds(took time.Duration) float64 { return float64(took.Microseconds()) / 1000 }

func mebibytes(bytes uint64) float64 { return float64(bytes) / (1 << 20) }

// questions asks what people ask every day, when everything stands.
func (a *agency) questions(f *figures) {
	ctx := context.Background()
	one := deploymentName(*applications / 2)
	f.median("status-all", func() error {
		_, err := a.client.Deployments(ctx, "")
		return err
	})
	f.median("status-one", func() error {
		_, err := a.client.Deployment(ctx, one)
		return err
	})
	f.median("resources-all", func() error {
		inventory, err := a.client.Resources(ctx, "")
		for vendor, reason := range inventory.Silent {
			f.b.Logf("resources: %s is silent: %s", vendor, reason)
			f.report("resources-all-silent", float64(len(inventory.Silent)))
		}
		return err
	})
	deployment, err := a.client.Deployment(ctx, one)
	must(f.b, err)
	f.median("resources-one", func() error {
		_, err := a.client.Resources(ctx, deployment.Descriptor.ID)
		return err
	})
	f.median("calls-all", func() error {
		_, err := a.client.Calls(ctx)
		return err
	})
	f.median("agreements-all", func() error {
		_, err := a.client.Agreements(ctx, "")
		return err
	})
	f.median("submit", func() error {
		_, err := a.client.Submit(ctx, proto.Submission{Name: "question", Application: application(), Advisory: true})
		return err
	})
}

// memory is the most that was used.
type memory struct{ heap, resident uint64 }

// watcher looks at the heap from time to time.
type watcher struct {
	done  chan struct{}
	found chan uint64
}

// lookEvery is short beside a collection's cycle at these sizes.
const lookEvery = 20 * time.Millisecond

func watchMemory() *watcher {
	w := &watcher{done: make(chan struct{}), found: make(chan uint64)}
	go func() {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		var most uint64
		for {
			most = max(most, heap())
			select {
			case <-ticker.C:
			case <-w.done:
				w.found <- most
				return
			}
		}
	}()
	return w
}

func (w *watcher) stop() memory {
	close(w.done)
	return memory{heap: <-w.found, resident: resident("VmHWM:")}
}

func heap() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64()
}

// liveHeap is what is in use after a collection.
func liveHeap() uint64 {
	runtime.GC()
	return heap()
}

// resident is the memory that this process has (VmRSS:) or ever had (VmHWM:), 0 where the system does not tell.
func resident(which string) uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, which); found {
			kibibytes, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err == nil {
				return kibibytes << 10
			}
		}
	}
	return 0
}

// loadAverage is how much the machine had to do in the last minute, also for others: beside every figure that says how long
// something took.
func loadAverage(t testing.TB) float64 {
	text, err := os.ReadFile("/proc/loadavg")
	must(t, err)
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	must(t, err)
	return load
}

// processorTime is what this process has used, which neighbours on the machine disturb less than the time on the clock.
func processorTime(t testing.TB) time.Duration {
	var usage syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
