package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/inert"
)

// Cloud is one account. It outlives the modules that are opened on it, as an account does.
type Cloud struct {
	mutex   sync.Mutex
	number  int
	records map[string]*record
	faults  map[string][]Fault
	calls   map[string]int
	locked  bool
	trouble trouble
}

// Fault is how one call goes wrong.
type Fault struct {
	Err error
	// Done says that the call has its effect before its answer is lost.
	Done bool
	// Hang makes the call last until its context ends; Err is not used.
	Hang bool
}

// record is a resource and what the cloud alone knows of it.
type record struct {
	resource vendormodules.Resource
	request  vendormodules.Request
	mounts   map[string]string // by volume, of a machine
	disk     *inert.Disk
	console  strings.Builder
	targets  []vendormodules.Target
	served   int
	looks    int // until the next state
}

// looksPerState is how often a resource is looked at before it moves on.
const looksPerState = 2

// New makes an empty account.
func New() *Cloud {
	return &Cloud{records: map[string]*record{}, faults: map[string][]Fault{}, calls: map[string]int{}}
}

// Inject makes the next calls of an operation ("create", "list", "set-targets", ...) go wrong, one for each fault.
func (c *Cloud) Inject(operation string, faults ...Fault) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.faults[operation] = append(c.faults[operation], faults...)
}

// Calls says how often an operation was called.
func (c *Cloud) Calls(operation string) int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.calls[operation]
}

// TakeCredentials makes the cloud take the credentials of its users, as it does at first, or none of them.
func (c *Cloud) TakeCredentials(takes bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.locked = !takes
}

// Count says how many resources exist, whoever they belong to.
func (c *Cloud) Count() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.records)
}

// Requested is what a resource was created with.
func (c *Cloud) Requested(id string) (vendormodules.Request, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	found, err := c.find(id)
	if err != nil {
		return vendormodules.Request{}, err
	}
	return found.request, nil
}

// Fetch is answered by the name of the target that the balancer chose, each in its turn.
func (c *Cloud) Fetch(balancer string) (string, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	record, err := c.find(balancer)
	if err != nil {
		return "", err
	}
	if len(record.targets) == 0 {
		return "", fmt.Errorf("balancer %s has no target", balancer)
	}
	record.served++
	return record.targets[record.served%len(record.targets)].Name, nil
}

// call counts a call, lets an injected fault strike, and does the work under the cloud's lock.
func (c *Cloud) call(ctx context.Context, operation string, work func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: %s: %w", operation, err)
	}
	fault, err := c.meets(ctx, operation)
	if err != nil {
		return fmt.Errorf("memory: %s: %w", operation, err)
	}
	c.mutex.Lock()
	c.calls[operation]++
	if waiting := c.faults[operation]; len(waiting) > 0 {
		fault, c.faults[operation] = waiting[0], waiting[1:]
	}
	c.mutex.Unlock()

	if fault.Hang {
		<-ctx.Done()
		return fmt.Errorf("memory: %s: %w", operation, ctx.Err())
	}
	if fault.Err == nil || fault.Done {
		c.mutex.Lock()
		err := work()
		c.mutex.Unlock()
		if err != nil {
			return fmt.Errorf("memory: %s: %w", operation, err)
		}
	}
	if fault.Err != nil {
		return fmt.Errorf("memory: %s: %w", operation, fault.Err)
	}
	return nil
}

// find returns a resource that is not gone. Callers hold the lock, as they do for all that follows here.
func (c *Cloud) find(id string) (*record, error) {
	if found, there := c.records[id]; there {
		return found, nil
	}
	return nil, fmt.Errorf("resource %s: %w", id, vendormodules.ErrNotFound)
}

func (c *Cloud) findType(id string, kind descriptors.ResourceType) (*record, error) {
	found, err := c.find(id)
	if err == nil && found.resource.Type != kind {
		return nil, fmt.Errorf("resource %s is no %s: %w", id, kind, vendormodules.ErrInvalid)
	}
	return found, err
}

// add makes a resource of a request, or finds the one that an earlier request of the same key made.
func (c *Cloud) add(request vendormodules.Request) (vendormodules.Resource, error) {
	for _, existing := range c.records {
		if existing.resource.Key == request.Key {
			return existing.resource, nil
		}
	}
	disk, err := c.origin(request)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	c.number++
	added := &record{
		request: request, mounts: map[string]string{}, disk: disk, looks: looksPerState,
		targets: slices.Clone(request.Targets),
		resource: vendormodules.Resource{
			ID: fmt.Sprintf("r-%d", c.number), Key: request.Key, Name: request.Name, Type: request.Class.Type,
			Tags: request.Tags, State: vendormodules.ResourceCreating, Created: time.Now().UTC(),
		},
	}
	if request.Class.Type == descriptors.Volume {
		added.resource.Size = request.Class.Size
	}
	for _, volume := range request.Volumes {
		if _, err := c.findType(volume.Volume, descriptors.Volume); err != nil {
			return vendormodules.Resource{}, err
		}
		added.mounts[volume.Volume] = volume.Mount
	}
	for _, network := range request.Networks {
		if _, err := c.findType(network, descriptors.Network); err != nil {
			return vendormodules.Resource{}, err
		}
	}
	c.records[added.resource.ID] = added
	return added.resource, nil
}

// look shows a resource after letting time pass for it; false when that was its end.
func (c *Cloud) look(seen *record) (vendormodules.Resource, bool) {
	if seen.looks > 0 {
		seen.looks--
	}
	if seen.looks == 0 {
		switch seen.resource.State {
		case vendormodules.ResourceCreating:
			seen.resource.State = vendormodules.ResourceRunning
			c.settle(seen)
		case vendormodules.ResourceDeleting:
			delete(c.records, seen.resource.ID)
			return vendormodules.Resource{}, false
		}
	}
	shown := seen.resource
	shown.Addresses = slices.Clone(shown.Addresses)
	return shown, true
}

// interpret runs one command of a machine: "print TEXT", "write PATH TEXT" or "show PATH".
func (c *Cloud) interpret(machine *record, line string) {
	words := strings.SplitN(line, " ", 3)
	switch {
	case words[0] == "print":
		fmt.Fprintln(&machine.console, strings.TrimPrefix(line, "print "))
	case words[0] == "write" && len(words) == 3:
		if err := c.tree(machine).Put(words[1], []byte(words[2])); err != nil {
			fmt.Fprintln(&machine.console, err)
		}
	case words[0] == "show" && len(words) == 2:
		content, _ := c.tree(machine).File(words[1])
		fmt.Fprintln(&machine.console, string(content))
	}
}

// remove begins the end of a resource. A volume that a machine still has is refused.
func (c *Cloud) remove(id string) error {
	doomed, err := c.find(id)
	if err != nil {
		return err
	}
	for _, other := range c.records {
		if _, attached := other.mounts[id]; attached {
			return fmt.Errorf("volume %s is attached to %s: %w", id, other.resource.ID, vendormodules.ErrConflict)
		}
	}
	if doomed.resource.State != vendormodules.ResourceDeleting {
		doomed.resource.State, doomed.looks = vendormodules.ResourceDeleting, looksPerState
	}
	return nil
}

// sorted returns the records in the order of their creation.
func (c *Cloud) sorted() []*record {
	return slices.SortedFunc(maps.Values(c.records), func(a, b *record) int {
		if order := len(a.resource.ID) - len(b.resource.ID); order != 0 {
			return order
		}
		return strings.Compare(a.resource.ID, b.resource.ID)
	})
}
