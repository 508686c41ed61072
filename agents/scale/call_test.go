package scale_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/proto"
)

// BenchmarkCall is from a submission to its answer: every vendor called, its proposal taken up, plans made and everything
// written down.
func BenchmarkCall(b *testing.B) {
	for size := range strings.SplitSeq(*vendors, ",") {
		count, err := strconv.Atoi(size)
		must(b, err)
		b.Run(size, func(b *testing.B) {
			a := newAgency(b, count, cheap)
			began := a.start()
			defer a.stop()
			var took []time.Duration
			silent := 0
			for b.Loop() {
				start := time.Now()
				offers, err := a.client.Submit(context.Background(), proto.Submission{
					Name: fmt.Sprintf("shop-%d", len(took)), Application: application(),
				})
				took = append(took, time.Since(start))
				must(b, err)
				// Of very many proposals the answer has only those that plans are made of.
				if offers.Called != count || len(offers.Plans) == 0 {
					b.Fatalf("%d vendors called, %d plans: %v", offers.Called, len(offers.Plans), offers.Obstacles)
				}
				silent += len(offers.Refusals)
			}
			slices.Sort(took)
			b.ReportMetric(milliseconds(took[len(took)/2]), "median-ms")
			// On a machine with much else to do some do not answer in time: such a median is not that of a whole call.
			b.ReportMetric(float64(silent), "silent")
			b.ReportMetric(milliseconds(began), "start-ms")
			b.ReportMetric(mebibytes(resident("VmRSS:")), "rss-MiB")
			b.ReportMetric(loadAverage(b), "load")
		})
	}
}
