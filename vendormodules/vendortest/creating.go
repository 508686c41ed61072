package vendortest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// proveCreate follows one resource of a type from its request to its end.
func proveCreate(b *bench, kind descriptors.ResourceType) {
	request := b.request(kind)
	created := b.create(request)
	if created.State != vendormodules.ResourceCreating && created.State != vendormodules.ResourceRunning {
		b.Errorf("Create answers state %q, and should answer creating or running", created.State)
	}
	bears(b, "Create", created, request)
	running := b.until(created.ID, vendormodules.ResourceRunning)
	bears(b, "Get", running, request)
	if kind == descriptors.Compute || kind == descriptors.LoadBalancer {
		if len(running.Addresses) == 0 || running.Addresses[0].Address == "" {
			b.Errorf("the %s runs and has no address: %+v", kind, running.Addresses)
		}
	}
	b.lists(created.ID)
	for _, listed := range b.list() {
		bears(b, "List", listed, request)
	}
	b.remove(created.ID)
	b.lists()
}

// bears checks that a resource is shown as it was asked for.
func bears(b *bench, where string, resource vendormodules.Resource, request vendormodules.Request) {
	b.Helper()
	if resource.Key != request.Key || resource.Name != request.Name || resource.Type != request.Class.Type {
		b.Errorf("%s shows key %q, name %q, type %q; asked for were %q, %q, %q", where,
			resource.Key, resource.Name, resource.Type, request.Key, request.Name, request.Class.Type)
	}
	if resource.Tags != request.Tags {
		b.Errorf("%s shows the tags %+v; asked for were %+v", where, resource.Tags, request.Tags)
	}
}

// listedCount is enough to tell a whole list from its first page or its all but last.
const listedCount = 3

func proveList(b *bench) {
	b.lists()
	var ids []string
	for _, kind := range b.module.Describe().Types {
		if kind == descriptors.Cluster {
			continue
		}
		for range listedCount {
			ids = append(ids, b.create(b.request(kind)).ID)
		}
	}
	b.lists(ids...)
}

func proveReplay(b *bench) {
	request := b.request(b.main())
	first := b.create(request)
	b.lists(first.ID) // a cloud without create tokens recognises its own by listing, once that shows them
	for _, when := range []string{"at once", "when it runs"} {
		if again := b.create(request); again.ID != first.ID {
			b.Errorf("the same key %s makes %s, the first made %s", when, again.ID, first.ID)
		}
		b.until(first.ID, vendormodules.ResourceRunning)
	}
	b.lists(first.ID)
}

func proveReplayAfterCrash(b *bench) {
	request := b.request(b.main())
	first := b.start(request)
	b.crash()
	b.lists(first.ID)
	if again := b.create(request); again.ID != first.ID {
		b.Errorf("the same key after a crash makes %s, the first made %s", again.ID, first.ID)
	}
	b.lists(first.ID)
}

// together is how many calls are made at the same time.
const together = 4

// createTogether makes the requests at the same time and returns the resources in their order.
func createTogether(b *bench, requests [together]vendormodules.Request) [together]vendormodules.Resource {
	b.Helper()
	var created [together]vendormodules.Resource
	var failures [together]error
	var calls sync.WaitGroup
	for index, request := range requests {
		calls.Go(func() { created[index], failures[index] = b.module.Create(b.Context(), request) })
	}
	calls.Wait()
	if err := errors.Join(failures[:]...); err != nil {
		b.Fatalf("%d creates at the same time: %v", together, err)
	}
	return created
}

func proveConcurrentSameKey(b *bench) {
	request := b.request(b.main())
	created := createTogether(b, [together]vendormodules.Request{request, request, request, request})
	for _, resource := range created {
		if resource.ID != created[0].ID {
			b.Errorf("the same key at the same time makes %s and %s", created[0].ID, resource.ID)
		}
	}
	b.lists(created[0].ID)
}

func proveConcurrentKeys(b *bench) {
	var requests [together]vendormodules.Request
	for index := range requests {
		requests[index] = b.request(b.main())
	}
	var ids []string
	addresses := map[string]string{}
	for index, created := range createTogether(b, requests) {
		ids = append(ids, created.ID)
		running := b.until(created.ID, vendormodules.ResourceRunning)
		if running.Key != requests[index].Key {
			b.Errorf("%s has key %s, and was made for %s", created.ID, running.Key, requests[index].Key)
		}
		for _, address := range running.Addresses {
			if other, taken := addresses[address.Address]; taken {
				b.Errorf("%s and %s share the address %s", other, created.ID, address.Address)
			}
			addresses[address.Address] = created.ID
		}
	}
	b.lists(ids...)
}

// proveCancelledCreate gives up on a create that is under way: whatever became of it, its key finds it again.
func proveCancelledCreate(b *bench) {
	request := b.request(b.main())
	ctx, cancel := context.WithCancel(b.Context())
	outcome := make(chan error, 1)
	go func() {
		_, err := b.module.Create(ctx, request)
		outcome <- err
	}()
	cancel()
	if err := <-outcome; err != nil && !errors.Is(err, context.Canceled) {
		b.Errorf("Create whose context ends meanwhile: the error is %v, and should wrap %q", err, context.Canceled)
	}
	Eventually(b, b.provider.wait(), "the cancelled create's key makes one resource", func() error {
		resource, err := b.module.Create(b.Context(), request)
		if err != nil {
			return fmt.Errorf("repeat: %w", err)
		}
		b.lists(resource.ID)
		return nil
	})
}
