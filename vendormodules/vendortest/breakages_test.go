package vendortest_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// The modules that are broken in one method, each put round the original.
type (
	original = *memory.Module
	changed  = vendormodules.Module

	powerless   struct{ *memory.Module }
	deaf        struct{ *memory.Module }
	unmeasured  struct{ *memory.Module }
	leaking     struct{ *memory.Module }
	clinging    struct{ *memory.Module }
	indifferent struct{ *memory.Module }
	fixed       struct{ *memory.Module }
	silent      struct{ *memory.Module }
	stuck       struct{ *memory.Module }
	trusting    struct{ *memory.Module }
	vague       struct{ *memory.Module }
	cheerful    struct{ *memory.Module }
	mute        struct{ *memory.Module }
	endless     struct{ *memory.Module }
	fleeting    struct{ *memory.Module }
	secretive   struct{ *memory.Module }
	impatient   struct{ *memory.Module }
	offended    struct{ *memory.Module }
	sold        struct{ *memory.Module }
	forgetting  struct{ *memory.Module }
	blank       struct{ *memory.Module }
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

func (trusting) CheckCredential(ctx context.Context, _ services.Scope) error { return ctx.Err() }

func (stuck) List(ctx context.Context) ([]vendormodules.Resource, error) {
	return nil, errors.New("the second page is missing")
}

func (c cheerful) Execute(
	ctx context.Context, id string, command vendormodules.Command, stdout, stderr io.Writer,
) (int, error) {
	_, err := c.Module.Execute(ctx, id, command, stdout, stderr)
	return 0, err
}

func (m mute) Execute(
	ctx context.Context, id string, command vendormodules.Command, _, stderr io.Writer,
) (int, error) {
	return m.Module.Execute(ctx, id, command, io.Discard, stderr)
}

func (e endless) Execute(
	ctx context.Context, id string, command vendormodules.Command, stdout, stderr io.Writer,
) (int, error) {
	exit, err := e.Module.Execute(ctx, id, command, stdout, stderr)
	if errors.Is(err, context.DeadlineExceeded) {
		return exit, nil
	}
	return exit, err
}

func (f fleeting) WriteFiles(ctx context.Context, id string, _ io.Reader) error {
	_, err := f.Module.Get(ctx, id)
	return err
}

func (s secretive) ReadFiles(ctx context.Context, id, path string) (io.ReadCloser, error) {
	reader, err := s.Module.ReadFiles(ctx, id, path)
	if errors.Is(err, vendormodules.ErrNotFound) {
		return io.NopCloser(strings.NewReader("")), nil
	}
	return reader, err
}

func (i impatient) List(ctx context.Context) ([]vendormodules.Resource, error) {
	listed, err := i.Module.List(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("it takes too long")
	}
	return listed, err
}

func (o offended) List(ctx context.Context) ([]vendormodules.Resource, error) {
	listed, err := o.Module.List(ctx)
	if errors.Is(err, vendormodules.ErrTransient) {
		err = errors.New("it is broken")
	}
	return listed, err
}

// Snapshot keeps nothing of what the volume held.
func (f forgetting) Snapshot(
	ctx context.Context, request vendormodules.CopyRequest,
) (vendormodules.Resource, error) {
	if _, err := f.Module.Get(ctx, request.Source); err != nil {
		return f.Module.Snapshot(ctx, request)
	}
	empty, err := f.Module.Create(ctx, vendormodules.Request{Key: request.Key + "-source", Class: descriptors.Class{Type: descriptors.Volume}})
	if err != nil {
		return empty, err
	}
	request.Source = empty.ID
	made, err := f.Module.Snapshot(ctx, request)
	return made, errors.Join(err, f.Module.Delete(ctx, empty.ID))
}

// Image makes another image at every repeat.
func (b blank) Image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	made, err := b.Module.Image(ctx, request)
	if err != nil || made.State == vendormodules.ResourceCreating {
		return made, err
	}
	request.Key += "-again"
	return b.Module.Image(ctx, request)
}

func (s sold) Flavors(ctx context.Context) ([]vendormodules.Flavor, error) { return nil, ctx.Err() }

func (vague) Get(context.Context, string) (vendormodules.Resource, error) {
	return vendormodules.Resource{}, errors.New("something is wrong with it")
}

// hasty looks for a key and then makes what it did not find, however many others have looked meanwhile.
func hasty(_ *memory.Cloud, module *broken) {
	const callers = 4
	var looked sync.WaitGroup
	looked.Add(callers)
	next := counter()
	forgetful(module, func(key string) string {
		looked.Done()
		looked.Wait()
		return key + "#" + next()
	})
}

// abandoning makes a resource that it cannot find again when its caller gives up on it.
func abandoning(_ *memory.Cloud, module *broken) {
	var first sync.Once
	forgetful(module, func(key string) string { return key })
	remembering := module.create
	module.create = func(ctx context.Context, request vendormodules.Request) (resource vendormodules.Resource, err error) {
		err = errors.New("not the first")
		first.Do(func() {
			<-ctx.Done()
			request.Key += "#abandoned"
			if _, err = module.Module.Create(context.WithoutCancel(ctx), request); err == nil {
				err = ctx.Err()
			}
		})
		if errors.Is(err, context.Canceled) {
			return resource, err
		}
		return remembering(ctx, request)
	}
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
			tags := vendormodules.Tags{Agency: memory.Agency}
			request := vendormodules.Request{Key: string(class.Type), Class: class, Tags: tags}
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
	"looks for a key before it makes it":          by("concurrent-same-key", "the same key at the same time", hasty),
	"leaves behind what a cancelled create makes": by("cancelled-create", "List shows", abandoning),
	"does not say that there is no such thing": with(
		"unknown", "Get of an unknown id", func(module original) changed { return vague{module} },
	),
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
	"cannot list": with("list", "the second page is missing", func(module original) changed {
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
	"leaks what the list does not show": with("create/compute", "resources exist at the cloud", func(module original) changed {
		return leaking{module}
	}),
	"ignores the end of a context": with("cancelled", "Get with a cancelled context", func(module original) changed { return deaf{module} }),
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
	"knows no rules": by(
		"access", "no such protocol", func(_ *memory.Cloud, module *broken) {
			module.create = func(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
				if len(request.Rules) > 0 {
					return vendormodules.Resource{}, errors.New("no such protocol")
				}
				return module.Module.Create(ctx, request)
			}
		}),
	"has a range of its own": by(
		"ranges", "and no note says", func(_ *memory.Cloud, module *broken) {
			module.create = func(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
				request.Class.Range = ""
				return module.Module.Create(ctx, request)
			}
		}),
	"gives addresses of another range": by(
		"ranges", "is not within its range", func(_ *memory.Cloud, module *broken) {
			module.get = func(resource vendormodules.Resource) vendormodules.Resource {
				if resource.Type == descriptors.Network && len(resource.Addresses) > 0 {
					resource.Addresses[0].Address = "10.99.0.0/24"
				}
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
	"stops nothing":    with("power", "is stopped", func(module original) changed { return powerless{module} }),
	"starts nothing":   with("power", "is running", func(module original) changed { return indifferent{module} }),
	"detaches nothing": with("attach", "is attached to", func(module original) changed { return clinging{module} }),
	"keeps its first targets": with("set-targets", "the balancer serves", func(module original) changed {
		return fixed{module}
	}),
	"knows no exit codes":     with("execute", "false ends with exit code 0", func(module original) changed { return cheerful{module} }),
	"loses output":            with("execute", "echo ends with 0 and prints \"\"", func(module original) changed { return mute{module} }),
	"hides that it gave up":   with("execute", "beyond its context", func(module original) changed { return endless{module} }),
	"keeps no files":          with("files", "ReadFiles of /vendortest", func(module original) changed { return fleeting{module} }),
	"finds what is not there": with("files", "ReadFiles of no file", func(module original) changed { return secretive{module} }),
	"snapshots nothing":       with("snapshot", "the console shows", func(module original) changed { return forgetting{module} }),
	"makes volumes empty whatever they are made of": by("snapshot", "the console shows", func(_ *memory.Cloud, module *broken) {
		module.create = func(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
			if _, err := module.Module.Get(ctx, request.Snapshot); err == nil {
				request.Snapshot = ""
			}
			return module.Module.Create(ctx, request)
		}
	}),
	"images anew at every repeat": with("image", "Image of the same key again", func(module original) changed {
		return blank{module}
	}),
	"measures nonsense": with("measure", "is no measure", func(module original) changed { return unmeasured{module} }),
	"takes any credential": with("credentials", "CheckCredential of one that the cloud does not take", func(module original) changed {
		return trusting{module}
	}),
	"gives up for a reason of its own": with("stalled", "List of a cloud that does not answer", func(module original) changed {
		return impatient{module}
	}),
	"takes a cloud that is busy for broken": with("throttled", "List at a cloud that is asked too often", func(module original) changed {
		return offended{module}
	}),
	"makes another when the answer is lost": by("dropped", "List shows", func(_ *memory.Cloud, module *broken) {
		repeated := map[string]string{}
		module.create = func(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
			key := request.Key
			request.Key += repeated[key]
			resource, err := module.Module.Create(ctx, request)
			if errors.Is(err, vendormodules.ErrTransient) && strings.Contains(err.Error(), "broke") {
				repeated[key] = "#again"
			}
			resource.Key = key
			return resource, err
		}
	}),
	"sells nothing that it offers": with("catalogue", "Flavors show none with", func(module original) changed {
		return sold{module}
	}),
	"shows no console": with("console", "the console shows", func(module original) changed { return silent{module} }),
}
