package vendor_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

// report reports the median and the 99th percentile of how long operations took.
func report(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "median-us")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1000, "p99-us")
}

// measure does an operation b.N times and reports how long each took.
func measure(b *testing.B, operation func(number int)) {
	b.Helper()
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for number := range b.N {
		began := time.Now()
		operation(number)
		took = append(took, time.Since(began))
	}
	b.StopTimer()
	report(b, took)
}

// BenchmarkCreateAndDelete compares a machine's coming and going through the agent, with everything durable and over the
// bus, with the same calls of the module.
func BenchmarkCreateAndDelete(b *testing.B) {
	b.Run("module", func(b *testing.B) {
		cloud := newCloud()
		measure(b, func(int) {
			made, err := cloud.Create(b.Context(), vendormodules.Request{Key: "web-1", Class: machine(exactly(1))})
			must(b, err)
			must(b, cloud.Delete(b.Context(), made.ID))
		})
	})
	b.Run("agent", func(b *testing.B) {
		h := newHouse(b, nil)
		agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
		measure(b, func(number int) {
			create, remove := orderFor(agreement, proto.VerbCreate, "web", 1), orderFor(agreement, proto.VerbDelete, "web", 2)
			create.Resource.Generation, remove.Resource.Generation = number+1, number+1
			h.done(create)
			h.done(remove)
		})
	})
	b.Run("testbed module", func(b *testing.B) {
		h := newHouse(b, onTestbed)
		class := shellMachine()
		measure(b, func(int) {
			made, err := h.module.Create(b.Context(), vendormodules.Request{Key: "web-1", Name: "web-1", Class: class})
			must(b, err)
			for made.State != vendormodules.ResourceRunning {
				made, err = h.module.Get(b.Context(), made.ID)
				must(b, err)
			}
			for err == nil {
				err = h.module.Delete(b.Context(), made.ID)
			}
		})
	})
	b.Run("testbed agent", func(b *testing.B) {
		h := newHouse(b, onTestbed)
		class := shellMachine()
		agreement := h.agree(map[string]descriptors.Class{"web": class})
		measure(b, func(number int) {
			create, remove := orderFor(agreement, proto.VerbCreate, "web", 1), orderFor(agreement, proto.VerbDelete, "web", 2)
			create.Class = &class
			create.Resource.Generation, remove.Resource.Generation = number+1, number+1
			h.done(create)
			h.done(remove)
		})
	})
}

func shellMachine() descriptors.Class {
	class := machine(exactly(1))
	class.Memory, class.Run = 64<<20, []string{"exec sleep 86400"}
	return class
}

// BenchmarkStopAndStart is the same for a machine that stays.
func BenchmarkStopAndStart(b *testing.B) {
	b.Run("module", func(b *testing.B) {
		cloud := newCloud()
		made, err := cloud.Create(b.Context(), vendormodules.Request{Key: "web-1", Class: machine(exactly(1))})
		must(b, err)
		measure(b, func(int) {
			must(b, cloud.Stop(b.Context(), made.ID))
			must(b, cloud.Start(b.Context(), made.ID))
		})
	})
	b.Run("agent", func(b *testing.B) {
		h := newHouse(b, nil)
		agreement, _, _ := h.create()
		measure(b, func(number int) {
			h.done(orderFor(agreement, proto.VerbStop, "web", uint64(2*number+2)))
			h.done(orderFor(agreement, proto.VerbStart, "web", uint64(2*number+3)))
		})
	})
}

// BenchmarkCalls is how many calls for proposals the agent answers, asked by many at a time.
func BenchmarkCalls(b *testing.B) {
	h := newHouse(b, func(h *house) { h.cloud.capacity = vendormodules.Usage{} })
	b.SetParallelism(16)
	b.RunParallel(func(loop *testing.PB) {
		for loop.Next() {
			question := message(b, proto.CallForProposal, "", machines(exactly(1)))
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			if _, err := h.broker.Ask(ctx, proto.SubjectCall(vendorName), question); err != nil {
				b.Error(err)
			}
			cancel()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
