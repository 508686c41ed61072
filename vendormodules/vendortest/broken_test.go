package vendortest_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// waitForBroken is how long the suite waits for what a broken module never does.
const waitForBroken = 100 * time.Millisecond

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

// The modules that are broken in their abilities.
type (
	powerless   struct{ *memory.Module }
	deaf        struct{ *memory.Module }
	unmeasured  struct{ *memory.Module }
	leaking     struct{ *memory.Module }
	clinging    struct{ *memory.Module }
	indifferent struct{ *memory.Module }
	fixed       struct{ *memory.Module }
	silent      struct{ *memory.Module }
	stuck       struct{ *memory.Module }
)

func (powerless) Stop(context.Context, string) error { return nil }

func (d deaf) Get(_ context.Context, id string) (vendormodules.Resource, error) {
	return d.Module.Get(context.Background(), id)
}

func (unmeasured) Measure(context.Context, string) ([]sla.Measurement, error) {
	return []sla.Measurement{{Metric: "uptime-seconds", Value: -1}}, nil
}

func (l leaking) Delete(ctx context.Context, id string) error {
	resource, err := l.Module.Get(ctx, id)
	if err != nil {
		return err
	}
	if resource.Type == descriptors.Compute {
		hidden := vendormodules.Request{Key: id, Class: descriptors.Class{Type: descriptors.Volume}}
		if _, err := l.Module.Create(ctx, hidden); err != nil {
			return err
		}
	}
	return l.Module.Delete(ctx, id)
}

func (c clinging) Detach(context.Context, string, string) error { return nil }

func (indifferent) Start(context.Context, string) error { return nil }

func (fixed) SetTargets(ctx context.Context, id string, targets []vendormodules.Target) error {
	return nil
}

func (silent) Console(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("")), nil
}

func (stuck) List(ctx context.Context) ([]vendormodules.Resource, error) {
	return nil, errors.New("the second page is missing")
}

var breakages = map[string]breakage{
	"describes itself differently each time": func() breakage {
		next := counter()
		return by("describe", "the description changes", func(_ *memory.Cloud, module *broken) {
			module.describe = func(description vendormodules.Description) vendormodules.Description {
				description.Version = next()
				return description
			}
		})
	}(),
	"has unsorted types": by("describe", "must be sorted", func(_ *memory.Cloud, module *broken) {
		module.describe = func(description vendormodules.Description) vendormodules.Description {
			slices.Reverse(description.Types)
			return description
		}
	}),
	"quotes nothing": by("quote", "should be above nothing", func(_ *memory.Cloud, module *broken) {
		module.quote = func(_ descriptors.Class, quote vendormodules.Quote, err error) (vendormodules.Quote, error) {
			quote.Unit.PerHour.Micros = 0
			return quote, err
		}
	}),
	"quotes two currencies": by("quote", "other prices are in", func(_ *memory.Cloud, module *broken) {
		module.quote = func(class descriptors.Class, quote vendormodules.Quote, err error) (vendormodules.Quote, error) {
			if class.Type == descriptors.Volume {
				quote.Unit.PerHour.Currency = "USD"
			}
			return quote, err
		}
	}),
	"refuses by a plain error": by("refusals", "should be an sla.Refusal", func(_ *memory.Cloud, module *broken) {
		module.quote = func(_ descriptors.Class, quote vendormodules.Quote, err error) (vendormodules.Quote, error) {
			if err != nil {
				err = errors.New("no")
			}
			return quote, err
		}
	}),
	"creates for a quote": by("quote", "List shows", func(_ *memory.Cloud, module *broken) {
		module.quote = func(class descriptors.Class, quote vendormodules.Quote, err error) (vendormodules.Quote, error) {
			request := vendormodules.Request{Key: string(class.Type), Class: class, Tags: vendormodules.Tags{Agency: memory.Agency}}
			_, failure := module.Module.Create(context.Background(), request)
			return quote, errors.Join(err, failure)
		}
	}),
	"shows the free capacity as the whole": by(
		"capacity", "with a resource in use", func(cloud *memory.Cloud, module *broken) {
			module.capacity = func(usage vendormodules.Usage) vendormodules.Usage {
				usage.Instances -= cloud.Count()
				return usage
			}
		}),
	"forgets every key": func() breakage {
		next := counter()
		return by("replay", "the same key at once makes", func(_ *memory.Cloud, module *broken) {
			forgetful(module, func(key string) string { return key + "#" + next() })
		})
	}(),
	"forgets keys in a crash": func() breakage {
		opened := counter()
		return by("replay-after-crash", "the same key after a crash makes", func(_ *memory.Cloud, module *broken) {
			number := opened()
			forgetful(module, func(key string) string { return key + "#" + number })
		})
	}(),
	"answers a repeat by what another key made": by(
		"concurrent-keys", "and should show", func(_ *memory.Cloud, module *broken) {
			module.create = func(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
				request.Key = "always the same"
				return module.Module.Create(ctx, request)
			}
		}),
	"gives two machines one address": by(
		"concurrent-keys", "share the address", func(_ *memory.Cloud, module *broken) {
			module.get = func(resource vendormodules.Resource) vendormodules.Resource {
				for index := range resource.Addresses {
					resource.Addresses[index].Address = "198.51.100.1"
				}
				return resource
			}
		}),
	"lists only the first page": by("list", "List shows", func(_ *memory.Cloud, module *broken) {
		module.list = func(listed []vendormodules.Resource) []vendormodules.Resource {
			return listed[:min(len(listed), 10)]
		}
	}),
	"lists things twice": by("create/compute", "List shows", func(_ *memory.Cloud, module *broken) {
		module.list = func(listed []vendormodules.Resource) []vendormodules.Resource {
			return append(listed, listed...)
		}
	}),
	"cannot list": with("list", "the second page is missing", func(module *memory.Module) vendormodules.Module {
		return stuck{module}
	}),
	"loses tags": by("create/compute", "shows the tags", func(_ *memory.Cloud, module *broken) {
		module.get = func(resource vendormodules.Resource) vendormodules.Resource {
			resource.Tags.Agreement = ""
			return resource
		}
	}),
	"is content when what it deletes is gone": by(
		"delete", "it answers no error", func(_ *memory.Cloud, module *broken) {
			module.remove = func(ctx context.Context, id string) error {
				if err := module.Module.Delete(ctx, id); !errors.Is(err, vendormodules.ErrNotFound) {
					return err
				}
				return nil
			}
		}),
	"deletes nothing": by("delete", "leak sweep", func(_ *memory.Cloud, module *broken) {
		module.remove = func(ctx context.Context, id string) error {
			_, err := module.Module.Get(ctx, id)
			return err
		}
	}),
	"leaks what the list does not show": with("create/compute", "resources exist at the cloud", func(module *memory.Module) vendormodules.Module {
		return leaking{module}
	}),
	"ignores the end of a context": with("cancelled", "Get with a cancelled context", func(module *memory.Module) vendormodules.Module { return deaf{module} }),
	"closes once only": by("close", "the second Close", func(_ *memory.Cloud, module *broken) {
		closed := false
		module.close = func() error {
			if closed {
				return errors.New("closed already")
			}
			closed = true
			return nil
		}
	}),
	"forgets what was there before a crash": by("reopen", "List shows", func(cloud *memory.Cloud, module *broken) {
		old := cloud.Count()
		module.list = func(listed []vendormodules.Resource) []vendormodules.Resource {
			return listed[min(old, len(listed)):]
		}
	}),
	"deletes attached volumes": by(
		"volumes", "Delete of a volume that a machine has", func(_ *memory.Cloud, module *broken) {
			module.remove = func(ctx context.Context, id string) error {
				if err := module.Module.Delete(ctx, id); !errors.Is(err, vendormodules.ErrConflict) {
					return err
				}
				return nil
			}
		}),
	"gives no address on a network": by(
		"networks", "has no address on network", func(_ *memory.Cloud, module *broken) {
			module.get = func(resource vendormodules.Resource) vendormodules.Resource {
				resource.Addresses = resource.Addresses[:min(len(resource.Addresses), 1)]
				return resource
			}
		}),
	"ignores a balancer's first targets": by(
		"balancers", "the balancer serves", func(_ *memory.Cloud, module *broken) {
			module.create = func(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
				request.Targets = request.Targets[:min(len(request.Targets), 1)]
				return module.Module.Create(ctx, request)
			}
		}),
	"stops nothing":    with("power", "is stopped", func(module *memory.Module) vendormodules.Module { return powerless{module} }),
	"starts nothing":   with("power", "is running", func(module *memory.Module) vendormodules.Module { return indifferent{module} }),
	"detaches nothing": with("attach", "is attached to", func(module *memory.Module) vendormodules.Module { return clinging{module} }),
	"keeps its first targets": with("set-targets", "the balancer serves", func(module *memory.Module) vendormodules.Module {
		return fixed{module}
	}),
	"measures nonsense": with("measure", "is no measure", func(module *memory.Module) vendormodules.Module { return unmeasured{module} }),
	"shows no console":  with("console", "the console shows", func(module *memory.Module) vendormodules.Module { return silent{module} }),
}
