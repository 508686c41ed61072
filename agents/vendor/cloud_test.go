package vendor_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// cloud is an account in memory that does what a test tells it to, also what a real one does once in a year. It
// outlives the agents on it.
type cloud struct {
	description vendormodules.Description
	capacity    vendormodules.Usage
	// before and after are called round the effect of every call; an error ends it. The subject is a key for create, an
	// id else.
	before, after func(ctx context.Context, operation, subject string) error

	mutex     sync.Mutex
	number    int
	resources []vendormodules.Resource
	unlisted  map[string]bool // ids that listings leave out
	starting  bool            // what is created stays in creating
	calls     map[string]int
	mounted   map[string]string
	targets   []vendormodules.Target
}

func newCloud() *cloud {
	types := []descriptors.ResourceType{
		descriptors.Compute, descriptors.Volume, descriptors.Network, descriptors.LoadBalancer,
	}
	return &cloud{
		description: vendormodules.Description{
			Kind: "scripted", Version: "1", Region: "attica", Country: "GR", Types: types, Images: []string{"shell"},
			CreateToken: true,
		},
		capacity: vendormodules.Usage{Cores: 4, Storage: 100 * quantity.GiB},
		unlisted: map[string]bool{}, calls: map[string]int{}, mounted: map[string]string{},
	}
}

func (c *cloud) call(ctx context.Context, operation, subject string, work func() error) error {
	c.mutex.Lock()
	c.calls[operation]++
	before, after := c.before, c.after
	c.mutex.Unlock()
	if before != nil {
		if err := before(ctx, operation, subject); err != nil {
			return fmt.Errorf("scripted: %s %s: %w", operation, subject, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mutex.Lock()
	err := work()
	c.mutex.Unlock()
	if err != nil {
		return fmt.Errorf("scripted: %s %s: %w", operation, subject, err)
	}
	if after != nil {
		if err := after(ctx, operation, subject); err != nil {
			return fmt.Errorf("scripted: %s %s: %w", operation, subject, err)
		}
	}
	return nil
}

// script replaces what happens round every call.
func (c *cloud) script(before, after func(ctx context.Context, operation, subject string) error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.before, c.after = before, after
}

// once is a script for one call of an operation; the others pass.
func once(operation string, act func(ctx context.Context) error) func(context.Context, string, string) error {
	var done sync.Once
	return func(ctx context.Context, called, _ string) (err error) {
		if called == operation {
			done.Do(func() { err = act(ctx) })
		}
		return err
	}
}

// change does something to the cloud behind everybody's back.
func (c *cloud) change(work func()) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	work()
}

func (c *cloud) called(operation string) int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.calls[operation]
}

// all are the resources there are, listed or not.
func (c *cloud) all() []vendormodules.Resource {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.Clone(c.resources)
}

func (c *cloud) find(id string) (*vendormodules.Resource, error) {
	for i := range c.resources {
		if c.resources[i].ID == id {
			return &c.resources[i], nil
		}
	}
	return nil, fmt.Errorf("%s: %w", id, vendormodules.ErrNotFound)
}

// Describe implements vendormodules.Module.
func (c *cloud) Describe() vendormodules.Description { return c.description }

// Quote implements vendormodules.Module.
func (c *cloud) Quote(ctx context.Context, class descriptors.Class) (quote vendormodules.Quote, err error) {
	err = c.call(ctx, "quote", string(class.Type), func() error {
		quote = vendormodules.Quote{Availability: 0.999, ReadyIn: quantity.Duration(time.Second), Flavor: "small"}
		quote.Unit.PerHour = quantity.Money{Micros: 10_000, Currency: "EUR"}
		switch class.Type {
		case descriptors.Compute:
			quote.Use = vendormodules.Usage{Instances: 1, Cores: class.Cores, Memory: class.Memory}
		case descriptors.Volume, descriptors.Snapshot:
			quote.Use = vendormodules.Usage{Storage: class.Size}
		case descriptors.Cluster:
			return sla.Refusal{Code: sla.RefusedInternal, Message: "a module never hears of clusters"}
		}
		return nil
	})
	return quote, err
}

// Capacity implements vendormodules.Module.
func (c *cloud) Capacity(ctx context.Context) (vendormodules.Usage, error) {
	return c.capacity, c.call(ctx, "capacity", "", func() error { return nil })
}

// Create implements vendormodules.Module.
func (c *cloud) Create(ctx context.Context, request vendormodules.Request) (made vendormodules.Resource, err error) {
	err = c.call(ctx, "create", request.Key, func() error {
		if c.description.CreateToken {
			for _, known := range c.resources {
				if known.Key == request.Key {
					made = known
					return nil
				}
			}
		}
		made = c.make(request.Key, request.Name, request.Class.Type, request.Tags)
		return nil
	})
	if err != nil {
		return vendormodules.Resource{}, err
	}
	return made, nil
}

func (c *cloud) make(key, name string, kind descriptors.ResourceType, tags vendormodules.Tags) vendormodules.Resource {
	c.number++
	made := vendormodules.Resource{
		ID: fmt.Sprintf("r-%d", c.number), Key: key, Name: name, Type: kind, Tags: tags,
		State: vendormodules.ResourceRunning, Created: time.Now().UTC(),
		Addresses: []vendormodules.Address{{Address: fmt.Sprintf("192.0.2.%d", c.number%250), Public: true}},
	}
	if c.starting {
		made.State = vendormodules.ResourceCreating
	}
	c.resources = append(c.resources, made)
	return made
}

// Get implements vendormodules.Module.
func (c *cloud) Get(ctx context.Context, id string) (shown vendormodules.Resource, err error) {
	err = c.call(ctx, "get", id, func() error {
		found, err := c.find(id)
		if err == nil {
			shown = *found
		}
		return err
	})
	return shown, err
}

// List implements vendormodules.Module.
func (c *cloud) List(ctx context.Context) (listed []vendormodules.Resource, err error) {
	err = c.call(ctx, "list", "", func() error {
		for _, resource := range c.resources {
			if !c.unlisted[resource.ID] {
				listed = append(listed, resource)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return listed, nil
}

// Delete implements vendormodules.Module.
func (c *cloud) Delete(ctx context.Context, id string) error {
	return c.call(ctx, "delete", id, func() error {
		if _, err := c.find(id); err != nil {
			return err
		}
		if machine, mounted := c.mounted[id]; mounted {
			return fmt.Errorf("it is attached to %s: %w", machine, vendormodules.ErrConflict)
		}
		c.drop(id)
		return nil
	})
}

func (c *cloud) drop(id string) {
	c.resources = slices.DeleteFunc(c.resources, func(one vendormodules.Resource) bool { return one.ID == id })
}

// Close implements vendormodules.Module.
func (c *cloud) Close() error { return nil }

// Start implements vendormodules.Power.
func (c *cloud) Start(ctx context.Context, id string) error {
	return c.power(ctx, "start", id, vendormodules.ResourceRunning)
}

// Stop implements vendormodules.Power.
func (c *cloud) Stop(ctx context.Context, id string) error {
	return c.power(ctx, "stop", id, vendormodules.ResourceStopped)
}

// Reboot implements vendormodules.Power.
func (c *cloud) Reboot(ctx context.Context, id string) error {
	return c.power(ctx, "reboot", id, vendormodules.ResourceRunning)
}

func (c *cloud) power(ctx context.Context, operation, id string, state vendormodules.ResourceState) error {
	return c.call(ctx, operation, id, func() error {
		found, err := c.find(id)
		if err == nil {
			found.State = state
		}
		return err
	})
}

// Attach implements vendormodules.Attacher.
func (c *cloud) Attach(ctx context.Context, volume, machine, mount string) error {
	return c.call(ctx, "attach", volume, func() error {
		c.mounted[volume] = machine + " at " + mount
		return nil
	})
}

// Detach implements vendormodules.Attacher.
func (c *cloud) Detach(ctx context.Context, volume, _ string) error {
	return c.call(ctx, "detach", volume, func() error {
		delete(c.mounted, volume)
		return nil
	})
}

// SetTargets implements vendormodules.Balancer.
func (c *cloud) SetTargets(ctx context.Context, id string, targets []vendormodules.Target) error {
	return c.call(ctx, "set-targets", id, func() error {
		c.targets = targets
		return nil
	})
}

// Measure implements vendormodules.Meter.
func (c *cloud) Measure(ctx context.Context, id string) ([]sla.Measurement, error) {
	measured := []sla.Measurement{{Metric: "cpu-seconds", Value: float64(len(strings.Split(id, "-"))), At: time.Now().UTC()}}
	return measured, c.call(ctx, "measure", id, func() error { return nil })
}

// bare is a cloud without any optional ability.
type bare struct{ vendormodules.Module }

// CheckCredential takes whatever the script does not refuse.
func (c *cloud) CheckCredential(ctx context.Context, scope services.Scope) error {
	return c.call(ctx, "check-credential", scope.String(), func() error { return nil })
}
