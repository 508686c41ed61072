package broker_test

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/agents/broker"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
)

// From a client's submission to its answer: ranked offers that are written down. Each stands beside the floor, which
// is to be compared with it in one run and on one machine only.

func BenchmarkFloor10(b *testing.B)      { benchmarkFloor(b, 10, false) }
func BenchmarkCall10(b *testing.B)       { benchmarkCall(b, 10, false) }
func BenchmarkFloor10Dead1(b *testing.B) { benchmarkFloor(b, 10, true) }
func BenchmarkCall10Dead1(b *testing.B)  { benchmarkCall(b, 10, true) }
func BenchmarkFloor100(b *testing.B)     { benchmarkFloor(b, 100, false) }
func BenchmarkCall100(b *testing.B)      { benchmarkCall(b, 100, false) }

var webshopPrices = map[string]int64{"web": 9000, "db": 20000, "data": 1000, "lan": 0, "front": 4000}

func webshop(b *testing.B) descriptors.Application {
	b.Helper()
	const file = "../../examples/webshop.yaml"
	source, err := os.ReadFile(file)
	must(b, err)
	application, err := descriptors.ReadApplication(file, source)
	must(b, err)
	return application
}

// reportProcessor adds the processor time that each round takes, which neighbours on the machine disturb less than the
// time on the clock.
func reportProcessor(b *testing.B) func() {
	used := func() time.Duration {
		var usage syscall.Rusage
		must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

func benchmarkCall(b *testing.B, vendors int, dead bool) {
	a := startAgency(b, broker.Options{})
	for i := range vendors {
		name := fmt.Sprintf("vendor-%d", i)
		if dead && i == 0 {
			a.enrol(name)
			continue
		}
		a.startVendor(name, webshopPrices, nil)
	}
	a.startBroker()
	application, number := webshop(b), 0
	defer reportProcessor(b)()
	for b.Loop() {
		number++
		request := message(proto.Request, proto.Submission{Name: fmt.Sprintf("shop-%d", number), Application: application})
		request.Command = ulid.Make().String()
		answer, err := a.client.Ask(context.Background(), proto.SubjectBrokerCommand, request)
		must(b, err)
		offers := decoded[proto.Offers](b, answer)
		if len(offers.Plans) == 0 || offers.Called != vendors {
			b.Fatalf("%d plans of %d calls: %v", len(offers.Plans), offers.Called, offers.Obstacles)
		}
	}
}
