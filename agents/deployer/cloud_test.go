package deployer_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// cloud is an account in memory that notes what is done there, and in which a test may interfere.
type cloud struct {
	*memory.Module
	account *memory.Cloud

	mutex sync.Mutex
	done  []string
	names map[string]string // by id
	// interfere, if there is one, is asked before something is done: it may wait, and what it returns is the failure.
	interfere func(ctx context.Context, what string) error
	// credentials that the account says it needs.
	credentials map[descriptors.ResourceType][]vendormodules.CredentialField
	// hidden accounts have no public addresses.
	hidden bool
}

func newCloud(agency string) *cloud {
	account := memory.New()
	return &cloud{Module: account.Open(agency), account: account, names: map[string]string{}}
}

func (c *cloud) Describe() vendormodules.Description {
	description := c.Module.Describe()
	description.Credentials = c.credentials
	return description
}

// act notes that something is done, unless a test has something against it.
func (c *cloud) act(ctx context.Context, what string) error {
	c.mutex.Lock()
	interfere := c.interfere
	c.mutex.Unlock()
	if interfere != nil {
		if err := interfere(ctx, what); err != nil {
			return err
		}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.done = append(c.done, what)
	return nil
}

func (c *cloud) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	if err := c.act(ctx, "create "+request.Name); err != nil {
		return vendormodules.Resource{}, err
	}
	created, err := c.Module.Create(ctx, request)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.names[created.ID] = request.Name
	return created, err
}

func (c *cloud) Delete(ctx context.Context, id string) error {
	if err := c.act(ctx, "delete "+c.name(id)); err != nil {
		return err
	}
	return c.Module.Delete(ctx, id)
}

func (c *cloud) SetTargets(ctx context.Context, id string, targets []vendormodules.Target) error {
	if err := c.act(ctx, "lead "+c.name(id)+" to "+listed(targets)); err != nil {
		return err
	}
	return c.Module.SetTargets(ctx, id, targets)
}

func (c *cloud) Get(ctx context.Context, id string) (vendormodules.Resource, error) {
	resource, err := c.Module.Get(ctx, id)
	return c.shown(resource), err
}

func (c *cloud) List(ctx context.Context) ([]vendormodules.Resource, error) {
	listing, err := c.Module.List(ctx)
	for i := range listing {
		listing[i] = c.shown(listing[i])
	}
	return listing, err
}

// shown leaves the addresses of hidden machines out.
func (c *cloud) shown(resource vendormodules.Resource) vendormodules.Resource {
	if c.hidden && resource.Type != descriptors.Network {
		resource.Addresses = nil
	}
	return resource
}

func listed(targets []vendormodules.Target) string {
	names := make([]string, len(targets))
	for i, target := range targets {
		names[i] = target.Name
	}
	return strings.Join(names, " ")
}

func (c *cloud) name(id string) string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.names[id]
}

// log is what was done, from the beginning.
func (c *cloud) log() []string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.Clone(c.done)
}

// fresh forgets what was done so far.
func (c *cloud) fresh() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.done = nil
}

func (c *cloud) onAct(interfere func(ctx context.Context, what string) error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.interfere = interfere
}

// failing makes some acts fail for good.
func (c *cloud) failing(acts ...string) {
	c.onAct(func(_ context.Context, what string) error {
		if slices.Contains(acts, what) {
			return fmt.Errorf("no room: %w", vendormodules.ErrNoCapacity)
		}
		return nil
	})
}

// holding makes one act wait until it is released; begun is closed when it waits.
func (c *cloud) holding(act string) (begun <-chan struct{}, release func()) {
	waiting, released := make(chan struct{}), make(chan struct{})
	var first sync.Once
	c.onAct(func(ctx context.Context, what string) error {
		if what != act {
			return nil
		}
		first.Do(func() { close(waiting) })
		select {
		case <-released:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return waiting, sync.OnceFunc(func() { close(released) })
}

// standing are the names of all that is there, sorted.
func (c *cloud) standing(t testing.TB) []string {
	t.Helper()
	listing, err := c.List(context.Background())
	must(t, err)
	names := make([]string, len(listing))
	for i, resource := range listing {
		names[i] = resource.Name
	}
	slices.Sort(names)
	return names
}

// resource is the one of a name.
func (c *cloud) resource(t testing.TB, name string) vendormodules.Resource {
	t.Helper()
	listing, err := c.List(context.Background())
	must(t, err)
	for _, resource := range listing {
		if resource.Name == name {
			return resource
		}
	}
	t.Fatalf("the cloud has no %s", name)
	return vendormodules.Resource{}
}

// lose makes a resource vanish as if the cloud had lost it.
func (c *cloud) lose(t testing.TB, name string) {
	t.Helper()
	lost := c.resource(t, name)
	if lost.Type == descriptors.Volume {
		for _, other := range c.machines(t) {
			must(t, c.Detach(context.Background(), lost.ID, other.ID))
		}
	}
	must(t, c.Module.Delete(context.Background(), lost.ID))
	for slices.ContainsFunc(c.machines(t), func(one vendormodules.Resource) bool { return one.ID == lost.ID }) ||
		slices.Contains(c.standing(t), name) {
	}
}

func (c *cloud) machines(t testing.TB) []vendormodules.Resource {
	t.Helper()
	listing, err := c.List(context.Background())
	must(t, err)
	return slices.DeleteFunc(listing, func(one vendormodules.Resource) bool { return one.Type != descriptors.Compute })
}

// printed is what a machine wrote on its console.
func (c *cloud) printed(t testing.TB, name string) string {
	t.Helper()
	reader, err := c.Console(context.Background(), c.resource(t, name).ID)
	must(t, err)
	defer reader.Close()
	text, err := io.ReadAll(reader)
	must(t, err)
	return string(text)
}

func (c *cloud) Start(ctx context.Context, id string) error {
	if err := c.act(ctx, "start "+c.name(id)); err != nil {
		return err
	}
	return c.Module.Start(ctx, id)
}

func (c *cloud) Stop(ctx context.Context, id string) error {
	if err := c.act(ctx, "stop "+c.name(id)); err != nil {
		return err
	}
	return c.Module.Stop(ctx, id)
}

func (c *cloud) Reboot(ctx context.Context, id string) error {
	if err := c.act(ctx, "reboot "+c.name(id)); err != nil {
		return err
	}
	return c.Module.Reboot(ctx, id)
}

func (c *cloud) Attach(ctx context.Context, volume, machine, mount string) error {
	if err := c.act(ctx, "attach "+c.name(volume)+" to "+c.name(machine)+" at "+mount); err != nil {
		return err
	}
	return c.Module.Attach(ctx, volume, machine, mount)
}

func (c *cloud) Detach(ctx context.Context, volume, machine string) error {
	if err := c.act(ctx, "detach "+c.name(volume)+" from "+c.name(machine)); err != nil {
		return err
	}
	return c.Module.Detach(ctx, volume, machine)
}
