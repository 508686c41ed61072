package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
)

// measuredText tells in few words what was last measured of a resource; -o json has all of it.
func measuredText(samples []proto.Sample, resource proto.ResourceStatus) string {
	for _, sample := range samples {
		if sample.Resource != resource.Ref {
			continue
		}
		values := make(map[string]float64, len(sample.Measurements))
		for _, measurement := range sample.Measurements {
			values[measurement.Metric] = measurement.Value
		}
		return measurementsText(values)
	}
	return ""
}

// measurementsText writes those metrics that people look at first.
func measurementsText(values map[string]float64) string {
	var parts []string
	add := func(metric string, show func(float64) string) {
		if value, measured := values[metric]; measured {
			parts = append(parts, show(value))
		}
	}
	add("cpu-seconds", func(value float64) string { return "cpu " + seconds(value) })
	add("memory-bytes", func(value float64) string { return present.Size(quantity.Bytes(value)) })
	add("uptime-seconds", func(value float64) string { return "up " + seconds(value) })
	add("requests", func(value float64) string { return present.Count(int(value), "request") })
	add("healthy-targets", func(value float64) string {
		return fmt.Sprintf("%.0f of %.0f healthy", value, values["targets"])
	})
	add("used-bytes", func(value float64) string { return present.Size(quantity.Bytes(value)) + " used" })
	add("members", func(value float64) string { return present.Count(int(value), "member") })
	return strings.Join(parts, ", ")
}

func seconds(value float64) string {
	return present.Span(time.Duration(value * float64(time.Second)).Round(time.Millisecond))
}
