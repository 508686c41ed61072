package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// Measure implements vendormodules.Meter. What does not run has no measurements of its running.
func (m *Module) Measure(ctx context.Context, id string) ([]sla.Measurement, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	one, err := m.locate(ctx, id)
	var values []value
	if err == nil {
		values, err = m.measure(ctx, one)
	}
	if err != nil {
		return nil, failed(err, "measure %s", id)
	}
	now := m.environment.Now().UTC()
	measurements := make([]sla.Measurement, 0, len(values))
	for _, one := range values {
		measurements = append(measurements, sla.Measurement{Metric: one.metric, Value: one.value, At: now})
	}
	return measurements, nil
}

type value struct {
	metric string
	value  float64
}

func (m *Module) measure(ctx context.Context, one found) ([]value, error) {
	switch one.Type {
	case descriptors.Compute, descriptors.LoadBalancer:
		return m.measureContainer(ctx, one)
	case descriptors.Volume:
		size, err := strconv.ParseFloat(one.labels[labelSize], 64)
		return []value{{"size-bytes", size}}, err
	case descriptors.Network:
		members := 0
		for _, kind := range []descriptors.ResourceType{descriptors.Compute, descriptors.LoadBalancer} {
			listed, err := one.at.list(ctx, kind)
			if err != nil {
				return nil, err
			}
			for _, other := range listed {
				for _, at := range addressesOf(other.labels) {
					if at.Network == one.ID {
						members++
					}
				}
			}
		}
		return []value{{"members", float64(members)}}, nil
	}
	return nil, nil
}

func (m *Module) measureContainer(ctx context.Context, one found) ([]value, error) {
	if one.state != container.StateRunning {
		return nil, nil
	}
	engine, err := one.at.connect(ctx)
	if err != nil {
		return nil, err
	}
	inspected, err := engine.ContainerInspect(ctx, one.ID, client.ContainerInspectOptions{})
	if err != nil {
		return nil, err
	}
	used, err := stats(ctx, engine, one.ID)
	if err != nil {
		return nil, err
	}
	values := []value{
		{"cpu-seconds", time.Duration(used.CPUStats.CPUUsage.TotalUsage).Seconds()},
		{"memory-bytes", float64(used.MemoryStats.Usage)},
		{"processes", float64(used.PidsStats.Current)},
		{"restarts", float64(inspected.Container.RestartCount)},
	}
	if state := inspected.Container.State; state != nil {
		if started, err := time.Parse(time.RFC3339Nano, state.StartedAt); err == nil {
			values = append(values, value{"uptime-seconds", max(0, m.environment.Now().Sub(started).Seconds())})
		}
	}
	var received, sent float64
	for _, network := range used.Networks {
		received, sent = received+float64(network.RxBytes), sent+float64(network.TxBytes)
	}
	values = append(values, value{"received-bytes", received}, value{"sent-bytes", sent})
	if one.Type == descriptors.LoadBalancer {
		balanced, err := figures(ctx, engine, one.ID)
		return append(values, balanced...), err
	}
	return values, nil
}

func stats(ctx context.Context, engine *client.Client, id string) (used container.StatsResponse, err error) {
	answer, err := engine.ContainerStats(ctx, id, client.ContainerStatsOptions{})
	if err != nil {
		return used, err
	}
	err = json.NewDecoder(answer.Body).Decode(&used)
	return used, errors.Join(err, answer.Body.Close())
}

// Console implements vendormodules.Console: what the machine printed, or what a balancer said of its targets, as much of it
// as the engine keeps.
func (m *Module) Console(ctx context.Context, id string) (io.ReadCloser, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	one, err := m.locate(ctx, id)
	if err == nil && one.Type != descriptors.Compute && one.Type != descriptors.LoadBalancer {
		err = fmt.Errorf("a %s has no console: %w", one.Type, vendormodules.ErrUnsupported)
	}
	var printed client.ContainerLogsResult
	if err == nil {
		printed, err = one.at.logs(ctx, id)
	}
	if err != nil {
		return nil, failed(err, "console of %s", id)
	}
	reading, writing := io.Pipe()
	go func() { // ends when all was read, or with Close
		_, err := stdcopy.StdCopy(writing, writing, printed)
		writing.CloseWithError(errors.Join(failed(err, "console of %s", id), printed.Close()))
	}()
	return reading, nil
}

func (h *host) logs(ctx context.Context, id string) (client.ContainerLogsResult, error) {
	engine, err := h.connect(ctx)
	if err != nil {
		return nil, err
	}
	return engine.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
}
