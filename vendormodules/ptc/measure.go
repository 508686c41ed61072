package ptc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/balancer"
	"github.com/cloud-agency/agency/vendormodules/ptc/keeper"
	"github.com/cloud-agency/agency/vendormodules/ptc/process"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// Measure implements vendormodules.Meter. What does not run has no measurements of its running.
func (m *Module) Measure(ctx context.Context, id string) ([]sla.Measurement, error) {
	leave, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	of, err := m.read(id)
	var values []value
	if err == nil {
		values, err = m.measure(ctx, of)
	}
	if err != nil {
		return nil, fmt.Errorf("ptc: measure %s: %w", id, m.orGone(id, err))
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

func (m *Module) measure(ctx context.Context, of record.Record) ([]value, error) {
	switch of.Class.Type {
	case descriptors.Network:
		return []value{{"members", float64(m.ledger.members(of.Key))}}, nil
	case descriptors.Volume:
		used, err := m.used(of)
		return []value{{"used-bytes", float64(used)}, {"size-bytes", float64(of.Class.Size)}}, err
	}
	status, alive, err := keeper.Look(m.at(of.Key))
	if err != nil || !alive {
		return nil, err
	}
	values, err := m.measureTree(status)
	if err != nil || of.Class.Type != descriptors.LoadBalancer || status.Phase != record.Running {
		return values, err
	}
	figures, err := balancer.Read(ctx, m.at(of.Key))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, vendormodules.ErrTransient)
	}
	values = append(values, value{"requests", float64(figures.Requests)}, value{"errors", float64(figures.Errors)},
		value{"targets", float64(figures.Targets)}, value{"healthy-targets", float64(figures.Healthy)})
	if figures.Requests > 0 {
		values = append(values, value{"response-time-p50-seconds", figures.P50},
			value{"response-time-p95-seconds", figures.P95}, value{"response-time-p99-seconds", figures.P99})
	}
	return values, nil
}

// measureTree measures the processes of a machine, or a balancer's keeper, which does the work itself.
func (m *Module) measureTree(status record.Status) ([]value, error) {
	table, err := process.All()
	if err != nil {
		return nil, err
	}
	tree := table.Below(status.Keeper.PID)
	root := table[status.Keeper.PID]
	cpu, memory := root.Reaped, int64(0)
	if len(tree) == 0 {
		tree = []process.Process{root}
		cpu = 0
	}
	for _, one := range tree {
		cpu += one.Own + one.Reaped
		memory += one.Memory
	}
	return []value{
		{"cpu-seconds", cpu.Seconds()},
		{"memory-bytes", float64(memory)},
		{"processes", float64(len(tree))},
		{"restarts", float64(status.Restarts)},
		{"uptime-seconds", max(0, m.environment.Now().Sub(status.Started).Seconds())},
	}, nil
}

// Console implements vendormodules.Console: what the machine printed, or what a balancer said of its targets, at most the
// last two megabytes.
func (m *Module) Console(ctx context.Context, id string) (io.ReadCloser, error) {
	leave, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	of, err := m.read(id)
	if err == nil && !kept(of) {
		err = fmt.Errorf("a %s has no console: %w", of.Class.Type, vendormodules.ErrUnsupported)
	}
	if err != nil {
		return nil, fmt.Errorf("ptc: console of %s: %w", id, err)
	}
	console := &files{}
	path := m.at(id).Console()
	for _, name := range []string{keeper.OldConsole(path), path} {
		file, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("ptc: console of %s: %w", id, m.orGone(id, err)), console.Close())
		}
		console.open = append(console.open, file)
	}
	readers := make([]io.Reader, len(console.open))
	for i, file := range console.open {
		readers[i] = file
	}
	console.Reader = io.MultiReader(readers...)
	return console, nil
}

// files are read one after the other.
type files struct {
	io.Reader
	open []*os.File
}

// Close implements io.Closer.
func (f *files) Close() error {
	var all error
	for _, file := range f.open {
		all = errors.Join(all, file.Close())
	}
	return all
}

// usageAge is how long the measured use of a volume is good for.
const usageAge = 10 * time.Second

// usage remembers how much volumes hold.
type usage struct {
	mu    sync.Mutex
	known map[string]usedAt
}

type usedAt struct {
	size quantity.Bytes
	at   time.Time
}

func (u *usage) forget(volume string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.known, volume)
}

// exceeded warns about a volume that holds more than its size.
func (m *Module) exceeded(of record.Record) (string, error) {
	m.usage.mu.Lock()
	known := m.usage.known[of.Key]
	m.usage.mu.Unlock()
	if age := m.environment.Now().Sub(known.at); age < 0 || age > usageAge {
		size, err := m.used(of)
		if err != nil {
			return "", err
		}
		known.size = size
	}
	if known.size <= of.Class.Size {
		return "", nil
	}
	return fmt.Sprintf("holds %d bytes, %d more than its size, which is not enforced here", known.size, known.size-of.Class.Size), nil
}

// used measures how much a volume holds, wherever its data lies.
func (m *Module) used(of record.Record) (quantity.Bytes, error) {
	data := m.at(of.Key).Data()
	if machine := m.ledger.owner(of.Key); machine != "" {
		data = filepath.Join(m.at(machine).Volumes(), of.Key)
	}
	var total quantity.Bytes
	err := filepath.WalkDir(data, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			information, gone := entry.Info()
			if gone == nil {
				total += quantity.Bytes(information.Size())
			}
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil // moved or removed meanwhile, or closed by the machine
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("size of volume: %w", err)
	}
	m.usage.mu.Lock()
	defer m.usage.mu.Unlock()
	if m.usage.known == nil {
		m.usage.known = map[string]usedAt{}
	}
	m.usage.known[of.Key] = usedAt{total, m.environment.Now()}
	return total, nil
}
