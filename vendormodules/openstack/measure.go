package openstack

import (
	"context"
	"errors"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/diagnostics"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/pools"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	agency "github.com/cloud-agency/agency/vendormodules/services"
)

// figures are measurements by their names.
type figures map[string]float64

// Measure implements vendormodules.Meter. Of machines it tells what Gnocchi knows, else what the hypervisor tells Nova,
// which most clouds keep for administrators; then it is the time since the start alone.
func (m *Module) Measure(ctx context.Context, id string) ([]sla.Measurement, error) {
	var measured []sla.Measurement
	err := m.do(ctx, agency.Scope{}, "measure "+id, func(s *session) error {
		kind, err := m.kindOf(ctx, s, id)
		if err != nil {
			return err
		}
		var told figures
		switch kind.of {
		case descriptors.Compute:
			told, err = m.measureMachine(ctx, s, id)
		case descriptors.LoadBalancer:
			told, err = m.measureBalancer(ctx, s, id)
		case descriptors.Volume:
			told, err = m.measureVolume(ctx, s, id)
		default:
			_, err = kind.show(ctx, s, id)
		}
		now := m.environment.Now().UTC()
		for metric, value := range told {
			measured = append(measured, sla.Measurement{Metric: metric, Value: value, At: now})
		}
		return err
	})
	return measured, err
}

func (m *Module) measureMachine(ctx context.Context, s *session, id string) (figures, error) {
	found, err := m.server(ctx, s, id)
	if err != nil {
		return nil, err
	}
	told := figures{}
	if machineState(found) != vendormodules.ResourceRunning {
		return told, nil
	}
	told["uptime-seconds"] = m.uptime(found).Seconds()
	if s.metric != nil {
		return told, measureByGnocchi(ctx, s, id, told)
	}
	return told, diagnose(ctx, s, id, told)
}

func (m *Module) uptime(found servers.Server) time.Duration {
	since := found.LaunchedAt
	if since.IsZero() {
		since = found.Created
	}
	return max(0, m.environment.Now().Sub(since))
}

// diagnosticsFormat is the first version of Nova's API in which all hypervisors tell the same.
const diagnosticsFormat = "2.48"

// diagnose asks the hypervisor. Who may not ask it, or whose hypervisor cannot tell, learns nothing, which is no failure.
func diagnose(ctx context.Context, s *session, id string, told figures) error {
	client := *s.compute
	client.Microversion = diagnosticsFormat
	var content struct {
		Uptime float64 `json:"uptime"`
		CPUs   []struct {
			Time float64 `json:"time"` // nanoseconds
		} `json:"cpu_details"`
		Memory struct {
			Used float64 `json:"used"` // MiB
		} `json:"memory_details"`
		Disks []struct {
			Read    float64 `json:"read_bytes"`
			Written float64 `json:"write_bytes"`
		} `json:"disk_details"`
		Cards []struct {
			Received float64 `json:"rx_octets"`
			Sent     float64 `json:"tx_octets"`
		} `json:"nic_details"`
	}
	err := translate(diagnostics.Get(ctx, &client, id).ExtractInto(&content))
	switch {
	case errors.Is(err, vendormodules.ErrAuthentication), errors.Is(err, vendormodules.ErrUnsupported), errors.Is(err, vendormodules.ErrConflict):
		return nil
	case err != nil:
		return err
	}
	for _, one := range content.CPUs {
		told["cpu-seconds"] += one.Time / float64(time.Second)
	}
	told["memory-bytes"] = content.Memory.Used * float64(quantity.MiB)
	for _, one := range content.Disks {
		told["disk-read-bytes"] += one.Read
		told["disk-written-bytes"] += one.Written
	}
	for _, one := range content.Cards {
		told["network-received-bytes"] += one.Received
		told["network-sent-bytes"] += one.Sent
	}
	return nil
}

func (m *Module) measureVolume(ctx context.Context, s *session, id string) (figures, error) {
	found, err := m.volumeOf(ctx, s, id)
	if err != nil {
		return nil, err
	}
	return figures{"size-bytes": float64(found.Size) * float64(quantity.GiB)}, nil
}

func (m *Module) measureBalancer(ctx context.Context, s *session, id string) (figures, error) {
	found, err := m.balancerOf(ctx, s, id)
	if err != nil {
		return nil, err
	}
	counted, err := loadbalancers.GetStats(ctx, s.balancer, id).Extract()
	if err != nil {
		return nil, err
	}
	told := figures{
		"requests": float64(counted.TotalConnections), "errors": float64(counted.RequestErrors),
		"network-received-bytes": float64(counted.BytesIn), "network-sent-bytes": float64(counted.BytesOut),
	}
	for _, pool := range found.Pools {
		pages, err := allPages(ctx, pools.ListMembers(s.balancer, pool.ID, pools.ListMembersOpts{}))
		if err != nil {
			return nil, err
		}
		members, err := pools.ExtractMembers(pages)
		if err != nil {
			return nil, err
		}
		told["targets"] += float64(len(members))
		for _, one := range members {
			if one.OperatingStatus == "ONLINE" || one.OperatingStatus == "NO_MONITOR" {
				told["healthy-targets"]++
			}
		}
	}
	return told, nil
}
