package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// gnocchiMetrics are those that Ceilometer keeps of a machine, by what they are called here, and what makes one of theirs
// one of ours.
var gnocchiMetrics = map[string]struct {
	metric string
	factor float64
}{
	"cpu":          {"cpu-seconds", 1e-9}, // nanoseconds since the start
	"memory.usage": {"memory-bytes", float64(quantity.MiB)},
}

// measureByGnocchi tells the last of what Gnocchi has. A machine that it does not know yet has no measurements.
func measureByGnocchi(ctx context.Context, s *session, id string, told figures) error {
	var resource struct {
		Metrics map[string]string `json:"metrics"`
	}
	address := s.metric.ServiceURL("resource", "generic", url.PathEscape(id))
	_, _, err := gophercloud.ParseResponse(s.metric.Get(ctx, address, &resource, nil)) //nolint:bodyclose // the SDK closes it
	if errors.Is(translate(err), vendormodules.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for theirs, ours := range gnocchiMetrics {
		metric, kept := resource.Metrics[theirs]
		if !kept {
			continue
		}
		// Each measure is a time, the length of time that it stands for, and the value.
		var measures [][3]json.RawMessage
		address := s.metric.ServiceURL("metric", url.PathEscape(metric), "measures") + "?aggregation=mean"
		_, _, err := gophercloud.ParseResponse(s.metric.Get(ctx, address, &measures, nil)) //nolint:bodyclose // the SDK closes it
		if err != nil {
			return err
		}
		if len(measures) == 0 {
			continue
		}
		var value float64
		if err := json.Unmarshal(measures[len(measures)-1][2], &value); err != nil {
			return err
		}
		told[ours.metric] = max(0, value) * ours.factor
	}
	return nil
}
