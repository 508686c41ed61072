package ec2_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ec2"
	"github.com/cloud-agency/agency/vendormodules/ec2/ec2test"
)

// measures fails the test unless these metrics of a resource have these values.
func measures(t *testing.T, module *ec2.Module, id string, want map[string]float64) {
	t.Helper()
	measured, err := module.Measure(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, one := range measured {
		values[one.Metric] = one.Value
		if age := time.Since(one.At); age < 0 || age > 15*time.Minute {
			t.Errorf("%s was measured at %s", one.Metric, one.At)
		}
	}
	for metric, value := range want {
		if has, measured := values[metric]; !measured || math.Abs(has-value) > 1e-9 {
			t.Errorf("%s of %s is %v (%t), and should be %v", metric, id, has, measured, value)
		}
	}
}

func TestTheCloudsCountersAreMeasurements(t *testing.T) {
	account := &ec2test.Account{Zones: 2, Page: 2, Sick: []string{"10.0.0.9"}}
	module := beside(t, account, "")
	id := made(t, module, requested("m", machine()))
	until(t, module, id, vendormodules.ResourceRunning)
	measures(t, module, id, map[string]float64{
		"cpu-ratio": 0.125, "received-bytes-per-second": 10000, "sent-bytes-per-second": 2, "read-bytes-per-second": 0, "written-bytes-per-second": 1,
	})
	request := requested("b", balancer("http"))
	request.Targets = []vendormodules.Target{{Address: "10.0.0.8", Port: 80}, {Address: "10.0.0.9", Port: 80}}
	front := made(t, module, request)
	measures(t, module, front, map[string]float64{"requests-per-second": 3, "response-time-p95-seconds": 0.25, "targets": 2, "healthy-targets": 1})
	measures(t, module, made(t, module, requested("n", balancer("tcp"))), map[string]float64{"connections-per-second": 0.1, "targets": 0})
	volume := made(t, module, requested("v", descriptors.Class{Type: descriptors.Volume, Size: quantity.GiB}))
	measures(t, module, volume, map[string]float64{"size-bytes": 1 << 30})
}

func TestSamplesServeForAMinute(t *testing.T) {
	account := &ec2test.Account{}
	module := beside(t, account, "")
	id := made(t, module, requested("m", machine()))
	until(t, module, id, vendormodules.ResourceRunning)
	measures(t, module, id, map[string]float64{"cpu-ratio": 0.125})
	account.Fail("GetMetricData", "Throttling") // nobody asks
	measures(t, module, id, map[string]float64{"cpu-ratio": 0.125})
}

func TestWhoeverIsNotToldMeasuresWhatThereIs(t *testing.T) {
	account := &ec2test.Account{}
	module := beside(t, account, "")
	id := made(t, module, requested("m", machine()))
	until(t, module, id, vendormodules.ResourceRunning)
	account.Fail("GetMetricData", "Throttling")
	if _, err := module.Measure(t.Context(), id); !errors.Is(err, vendormodules.ErrTransient) {
		t.Errorf("when it is throttled: %v", err)
	}
	account.Fail("GetMetricData", "AccessDenied")
	if measured, err := module.Measure(t.Context(), id); err != nil || len(measured) != 1 || measured[0].Metric != "uptime-seconds" {
		t.Errorf("without the right: %+v, %v", measured, err)
	}
}
