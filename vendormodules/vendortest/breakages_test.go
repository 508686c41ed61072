package vendortest_test

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

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
	"does not know its public addresses": by("networks", "by the description it has none", func(_ *memory.Cloud, module *broken) {
		module.describe = func(description vendormodules.Description) vendormodules.Description {
			description.Public = map[descriptors.ResourceType][]sla.Public{descriptors.Compute: {sla.PublicAlone, sla.PublicOpen}}
			return description
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
	"leaves every size as it is": with("resize", "Get shows the size 1GiB and should show 2GiB", func(module original) changed {
		return rigid{module}
	}),
	"shrinks volumes": with("resize", "Resize of a volume to a smaller one", func(module original) changed {
		return shrinking{module}
	}),
	"gives a machine another address": func() breakage {
		next := counter()
		return by("resize", "after Resize the machine is", func(_ *memory.Cloud, module *broken) {
			module.get = func(resource vendormodules.Resource) vendormodules.Resource {
				if resource.Type == descriptors.Compute && len(resource.Addresses) > 0 {
					resource.Addresses[0].Address = "198.51.100." + next()
				}
				return resource
			}
		})
	}(),
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
