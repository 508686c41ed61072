package vendortest_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// waitForBroken is how long the suite waits for what a broken module never does.
const waitForBroken = 400 * time.Millisecond

// breakage is a way for a module to be wrong, the test that finds it, and a part of what the failure says.
type breakage struct {
	found, says string
	module      func(*memory.Cloud, *memory.Module) vendormodules.Module
}

// broken is the correct module with some methods replaced; those that are nil are left as they were.
type broken struct {
	*memory.Module
	describe func(vendormodules.Description) vendormodules.Description
	quote    func(descriptors.Class, vendormodules.Quote, error) (vendormodules.Quote, error)
	create   func(context.Context, vendormodules.Request) (vendormodules.Resource, error)
	get      func(vendormodules.Resource) vendormodules.Resource
	list     func([]vendormodules.Resource) []vendormodules.Resource
	remove   func(context.Context, string) error
	capacity func(vendormodules.Usage) vendormodules.Usage
	close    func() error
}

func (b *broken) Describe() vendormodules.Description {
	if b.describe != nil {
		return b.describe(b.Module.Describe())
	}
	return b.Module.Describe()
}

func (b *broken) Quote(ctx context.Context, class descriptors.Class) (vendormodules.Quote, error) {
	quote, err := b.Module.Quote(ctx, class)
	if b.quote != nil {
		return b.quote(class, quote, err)
	}
	return quote, err
}

func (b *broken) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	if b.create != nil {
		return b.create(ctx, request)
	}
	return b.Module.Create(ctx, request)
}

func (b *broken) Get(ctx context.Context, id string) (vendormodules.Resource, error) {
	resource, err := b.Module.Get(ctx, id)
	if b.get != nil && err == nil {
		return b.get(resource), nil
	}
	return resource, err
}

func (b *broken) List(ctx context.Context) ([]vendormodules.Resource, error) {
	listed, err := b.Module.List(ctx)
	if b.list != nil && err == nil {
		return b.list(listed), nil
	}
	return listed, err
}

func (b *broken) Delete(ctx context.Context, id string) error {
	if b.remove != nil {
		return b.remove(ctx, id)
	}
	return b.Module.Delete(ctx, id)
}

func (b *broken) Capacity(ctx context.Context) (vendormodules.Usage, error) {
	usage, err := b.Module.Capacity(ctx)
	if b.capacity != nil {
		return b.capacity(usage), err
	}
	return usage, err
}

func (b *broken) Close() error {
	if b.close != nil {
		return b.close()
	}
	return b.Module.Close()
}

// by makes a breakage of the one method that change replaces.
func by(found, says string, change func(cloud *memory.Cloud, module *broken)) breakage {
	return breakage{found, says, func(cloud *memory.Cloud, module *memory.Module) vendormodules.Module {
		changed := &broken{Module: module}
		change(cloud, changed)
		return changed
	}}
}

// with makes a breakage of a module put round the correct one.
func with(found, says string, wrap func(*memory.Module) vendormodules.Module) breakage {
	return breakage{found, says, func(_ *memory.Cloud, module *memory.Module) vendormodules.Module { return wrap(module) }}
}

// forgetful gives every create a key of its own, so that no repeat is known.
func forgetful(module *broken, again func(key string) string) {
	module.create = func(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
		key := request.Key
		request.Key = again(key)
		resource, err := module.Module.Create(ctx, request)
		resource.Key = key
		return resource, err
	}
	original := func(resource vendormodules.Resource) vendormodules.Resource {
		resource.Key, _, _ = strings.Cut(resource.Key, "#")
		return resource
	}
	module.get = original
	module.list = func(listed []vendormodules.Resource) []vendormodules.Resource {
		for index, resource := range listed {
			listed[index] = original(resource)
		}
		return listed
	}
}

// counter makes numbers that differ.
func counter() func() string {
	var mutex sync.Mutex
	count := 0
	return func() string {
		mutex.Lock()
		defer mutex.Unlock()
		count++
		return strconv.Itoa(count)
	}
}
