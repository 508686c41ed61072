package decorators_test

import (
	"testing"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// BenchmarkStack shows what all decorators add to a call, next to the call alone.
func BenchmarkStack(b *testing.B) {
	bare := memory.New().Open(memory.Agency)
	decorated := decorators.Stack(bare, decorators.Options{
		Limit: decorators.LimitOptions{PerSecond: 1e9, Concurrent: 8}, Log: zap.NewNop(), Scrub: scrub,
		Calls: &decorators.Recorder{}, Attempts: &decorators.Recorder{},
	})
	for _, row := range []struct {
		name   string
		module vendormodules.Module
	}{{"bare", bare}, {"decorated", decorated}} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := row.module.Capacity(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
