package vsphere

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/performance"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/sla"
)

// realtime is the interval of vCenter's finest samples, in seconds.
const realtime = 20

// whole is the instance of a counter that is about the machine and not about one of its parts.
const whole = ""

// counters are what is measured of a machine: vCenter's name, ours, and by what the one is multiplied for the other.
var counters = map[string]struct {
	metric string
	factor float64
}{
	"cpu.usage.average":       {"cpu-ratio", 1.0 / 10_000}, // of hundredths of a percent
	"mem.consumed.average":    {"memory-bytes", 1024},
	"net.received.average":    {"received-bytes-per-second", 1024},
	"net.transmitted.average": {"sent-bytes-per-second", 1024},
	"sys.uptime.latest":       {"uptime-seconds", 1},
	"disk.read.average":       {"read-bytes-per-second", 1024},
	"disk.write.average":      {"written-bytes-per-second", 1024},
}

// Measure implements vendormodules.Meter, by the latest sample of each counter. What does not run has none.
func (m *Module) Measure(ctx context.Context, id string) ([]sla.Measurement, error) {
	var measured []sla.Measurement
	err := m.do(ctx, "measure "+id, func(c *connection) error {
		measured = nil
		found, err := m.find(ctx, c, id)
		if err != nil || found.power != types.VirtualMachinePowerStatePoweredOn {
			return err
		}
		names := make([]string, 0, len(counters))
		for name := range counters {
			names = append(names, name)
		}
		samples, err := c.counters.SampleByName(ctx, types.PerfQuerySpec{
			MaxSample: 1, IntervalId: realtime, MetricId: []types.PerfMetricId{{Instance: whole}},
		}, names, []types.ManagedObjectReference{found.reference})
		if err != nil {
			return fmt.Errorf("counters: %w", err)
		}
		series, err := c.counters.ToMetricSeries(ctx, samples)
		if err != nil {
			return fmt.Errorf("counters: %w", err)
		}
		measured = m.latest(series)
		return nil
	})
	return measured, err
}

// latest are the last samples of all counters of a machine as a whole, each once.
func (m *Module) latest(series []performance.EntityMetric) []sla.Measurement {
	var measured []sla.Measurement
	seen := map[string]bool{}
	for _, one := range series {
		for _, values := range one.Value {
			counter, wanted := counters[values.Name]
			if !wanted || values.Instance != whole || len(values.Value) == 0 || seen[counter.metric] {
				continue
			}
			value := values.Value[len(values.Value)-1]
			if value < 0 { // it was not sampled
				continue
			}
			at := m.environment.Now().UTC()
			if last := len(one.SampleInfo) - 1; last >= 0 {
				at = one.SampleInfo[last].Timestamp.UTC()
			}
			seen[counter.metric] = true
			measured = append(measured, sla.Measurement{
				Metric: counter.metric, Value: float64(value) * counter.factor, At: at,
			})
		}
	}
	return measured
}
