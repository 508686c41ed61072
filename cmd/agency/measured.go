package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// measuredText tells what was last measured of a resource, in few words.
func measuredText(samples []proto.Sample, resource proto.ResourceStatus) string {
	for _, sample := range samples {
		if sample.Resource != resource.Ref {
			continue
		}
		parts := make([]string, 0, len(sample.Measurements))
		for _, measurement := range sample.Measurements {
			parts = append(parts, measurementText(measurement))
		}
		return strings.Join(parts, ", ")
	}
	return ""
}

// measurementText writes a measurement by the unit that its metric's name ends in.
func measurementText(measurement sla.Measurement) string {
	what, unit := measurement.Metric, ""
	if at := strings.LastIndexByte(what, '-'); at >= 0 {
		what, unit = what[:at], what[at+1:]
	}
	what = strings.ReplaceAll(what, "-", " ")
	switch unit {
	case "bytes":
		return what + " " + present.Size(quantity.Bytes(measurement.Value))
	case "seconds":
		return what + " " + present.Span(time.Duration(measurement.Value*float64(time.Second)).Round(time.Millisecond))
	}
	return fmt.Sprintf("%s %.6g", strings.ReplaceAll(measurement.Metric, "-", " "), measurement.Value)
}
