package vendortest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// bench is one test's account with a module opened on it.
type bench struct {
	*testing.T
	provider Provider
	account  Account
	module   vendormodules.Module
}

// newBench opens a module on an account without resources, and sweeps the account when the test ends.
func newBench(t *testing.T, provider Provider) *bench {
	t.Helper()
	b := &bench{T: t, provider: provider, account: provider.Account(t)}
	b.module = b.account.Open(t)
	t.Cleanup(b.sweep)
	return b
}

// sweep deletes whatever the test left, and fails it if the account is not empty then.
func (b *bench) sweep() {
	ctx, cancel := context.WithTimeout(context.Background(), b.provider.wait())
	defer cancel()
	defer func() {
		if err := b.module.Close(); err != nil {
			b.Errorf("Close: %v", err)
		}
	}()
	Eventually(b, b.provider.wait(), "leak sweep", func() error {
		left, err := b.module.List(ctx)
		if err != nil {
			return err
		}
		for _, resource := range left {
			// A volume or network goes once the machines that use it are gone, which another look will find.
			err = errors.Join(err, fmt.Errorf("%s %s is %s", resource.Type, resource.ID, resource.State))
			if resource.State == vendormodules.ResourceDeleting {
				continue
			}
			if failure := b.module.Delete(ctx, resource.ID); !errors.Is(failure, vendormodules.ErrNotFound) {
				err = errors.Join(err, failure)
			}
		}
		return err
	})
	if b.account.Listing == nil {
		b.Log("not proved: that nothing leaks unlisted, as the provider has no independent listing")
		return
	}
	Eventually(b, b.provider.wait(), "leak sweep", func() error {
		if count := b.account.Listing(b.T); count != 0 {
			return fmt.Errorf("the module lists nothing, and %d resources exist at the cloud", count)
		}
		return nil
	})
}

// crash ends the module as the death of the agency would, and opens another on the same account.
func (b *bench) crash() {
	b.Helper()
	if b.account.Crash != nil {
		b.account.Crash(b.T, b.module)
	} else if err := b.module.Close(); err != nil {
		b.Errorf("Close: %v", err)
	}
	b.module = b.account.Open(b.T)
}

// creates says whether the module creates resources of a type.
func (b *bench) creates(kind descriptors.ResourceType) bool {
	return slices.Contains(b.module.Describe().Types, kind)
}

// main is the type that tests use to which the type does not matter.
func (b *bench) main() descriptors.ResourceType {
	if b.creates(descriptors.Compute) {
		return descriptors.Compute
	}
	return b.module.Describe().Types[0]
}

// request asks for a resource of a type, with a key never used before.
func (b *bench) request(kind descriptors.ResourceType) vendormodules.Request {
	key := "vendortest-" + strings.ToLower(rand.Text())
	return vendormodules.Request{
		Key: key, Name: string(kind) + "-1", Class: b.provider.Classes[kind],
		Tags: vendormodules.Tags{
			Agency: b.provider.Agency, Deployment: "deployment-" + key[11:19], Class: string(kind), Agreement: "agreement-1",
		},
	}
}

// create creates a resource, and fails the test if that is refused.
func (b *bench) create(request vendormodules.Request) vendormodules.Resource {
	b.Helper()
	resource, err := b.module.Create(b.Context(), request)
	if err != nil {
		b.Fatalf("Create %s with key %s: %v", request.Class.Type, request.Key, err)
	}
	if resource.ID == "" {
		b.Fatalf("Create %s with key %s: the resource has no id", request.Class.Type, request.Key)
	}
	return resource
}

// start creates a resource and waits until it runs.
func (b *bench) start(request vendormodules.Request) vendormodules.Resource {
	b.Helper()
	return b.until(b.create(request).ID, vendormodules.ResourceRunning)
}

// until waits until a resource is in a state, and returns it as it is then.
func (b *bench) until(id string, state vendormodules.ResourceState) vendormodules.Resource {
	b.Helper()
	var resource vendormodules.Resource
	Eventually(b, b.provider.wait(), fmt.Sprintf("%s is %s", id, state), func() (err error) {
		if resource, err = b.module.Get(b.Context(), id); err != nil {
			return err
		}
		if resource.State == vendormodules.ResourceError && state != vendormodules.ResourceError {
			b.Fatalf("%s %s failed at the cloud: %s", resource.Type, id, resource.Fault)
		}
		if resource.State != state {
			return fmt.Errorf("it is %s", resource.State)
		}
		return nil
	})
	return resource
}

// remove deletes a resource and waits until it is gone.
func (b *bench) remove(id string) {
	b.Helper()
	if err := b.module.Delete(b.Context(), id); err != nil {
		b.Fatalf("Delete %s: %v", id, err)
	}
	Eventually(b, b.provider.wait(), id+" is gone", func() error {
		resource, err := b.module.Get(b.Context(), id)
		if err == nil {
			return fmt.Errorf("Get shows it %s", resource.State)
		}
		if !errors.Is(err, vendormodules.ErrNotFound) {
			return fmt.Errorf("Get: %w, which does not say that it is gone", err)
		}
		return nil
	})
}

// list is the module's list.
func (b *bench) list() []vendormodules.Resource {
	b.Helper()
	listed, err := b.module.List(b.Context())
	if err != nil {
		b.Fatalf("List: %v", err)
	}
	return listed
}

// lists waits until the module's list holds exactly these ids, each once.
func (b *bench) lists(ids ...string) {
	b.Helper()
	slices.Sort(ids)
	Eventually(b, b.provider.wait(), "the list is complete and has nothing twice", func() error {
		listed, err := b.module.List(b.Context())
		if err != nil {
			return err
		}
		found := make([]string, 0, len(listed))
		for _, resource := range listed {
			found = append(found, resource.ID)
		}
		slices.Sort(found)
		if !slices.Equal(found, ids) {
			return fmt.Errorf("List shows %q and should show %q", found, ids)
		}
		return nil
	})
}

// wants fails the test unless err wraps a sentinel.
func (b *bench) wants(err, sentinel error, what string) {
	b.Helper()
	if !errors.Is(err, sentinel) {
		b.Errorf("%s: the error is %v, and should wrap %q", what, err, sentinel)
	}
}
