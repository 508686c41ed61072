package vendortest

import (
	"context"
	"errors"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// unknownID is nobody's.
const unknownID = "no-such-resource"

func proveUnknown(b *bench) {
	_, err := b.module.Get(b.Context(), unknownID)
	b.wants(err, vendormodules.ErrNotFound, "Get of an unknown id")
	b.wants(b.module.Delete(b.Context(), unknownID), vendormodules.ErrNotFound, "Delete of an unknown id")
	for name, call := range abilityCalls(b, unknownID) {
		b.wants(call(b.Context()), vendormodules.ErrNotFound, name+" of an unknown id")
	}
}

// abilityCalls are the module's calls beyond the contract that concern one resource.
func abilityCalls(b *bench, id string) map[string]func(context.Context) error {
	calls := map[string]func(context.Context) error{}
	abilities := vendormodules.AbilitiesOf(b.module)
	if power := abilities.Power; power != nil {
		calls["Start"] = func(ctx context.Context) error { return power.Start(ctx, id) }
		calls["Stop"] = func(ctx context.Context) error { return power.Stop(ctx, id) }
		calls["Reboot"] = func(ctx context.Context) error { return power.Reboot(ctx, id) }
	}
	if balancer := abilities.Balancer; balancer != nil {
		calls["SetTargets"] = func(ctx context.Context) error { return balancer.SetTargets(ctx, id, nil) }
	}
	if meter := abilities.Meter; meter != nil {
		calls["Measure"] = func(ctx context.Context) error {
			_, err := meter.Measure(ctx, id)
			return err
		}
	}
	if console := abilities.Console; console != nil {
		calls["Console"] = func(ctx context.Context) error {
			reader, err := console.Console(ctx, id)
			if err == nil {
				err = reader.Close()
			}
			return err
		}
	}
	return calls
}

func proveDelete(b *bench) {
	kept := b.start(b.request(b.main()))
	doomed := b.start(b.request(b.main()))
	if err := b.module.Delete(b.Context(), doomed.ID); err != nil {
		b.Fatalf("Delete: %v", err)
	}
	if err := b.module.Delete(b.Context(), doomed.ID); err != nil && !errors.Is(err, vendormodules.ErrNotFound) {
		b.Errorf("Delete again while it goes: the error is %v, and should be none or wrap %q", err, vendormodules.ErrNotFound)
	}
	b.lists(kept.ID)
	Eventually(b, b.provider.wait(), "Delete of what is gone answers not found", func() error {
		switch err := b.module.Delete(b.Context(), doomed.ID); {
		case errors.Is(err, vendormodules.ErrNotFound):
			return nil
		case err == nil:
			return errors.New("it answers no error")
		default:
			return err
		}
	})
	_, err := b.module.Get(b.Context(), doomed.ID)
	b.wants(err, vendormodules.ErrNotFound, "Get of what is gone")
	b.until(kept.ID, vendormodules.ResourceRunning)
}

// promptly is how soon a call must return once its context has ended.
const promptly = 5 * time.Second

func proveCancelled(b *bench) {
	resource := b.start(b.request(b.main()))
	request := b.request(b.main())
	calls := abilityCalls(b, resource.ID)
	calls["Create"] = func(ctx context.Context) error {
		_, err := b.module.Create(ctx, request)
		return err
	}
	calls["Get"] = func(ctx context.Context) error {
		_, err := b.module.Get(ctx, resource.ID)
		return err
	}
	calls["List"] = func(ctx context.Context) error {
		_, err := b.module.List(ctx)
		return err
	}
	calls["Delete"] = func(ctx context.Context) error { return b.module.Delete(ctx, resource.ID) }
	for name, call := range calls {
		b.wants(prompt(b, name, call), context.Canceled, name+" with a cancelled context")
	}

	// These two may be answered without asking anybody.
	for name, call := range map[string]func(context.Context) error{
		"Quote": func(ctx context.Context) error {
			_, err := b.module.Quote(ctx, b.provider.Classes[b.main()])
			return err
		},
		"Capacity": func(ctx context.Context) error {
			_, err := b.module.Capacity(ctx)
			return err
		},
	} {
		if err := prompt(b, name, call); err != nil && !errors.Is(err, context.Canceled) {
			b.Errorf("%s with a cancelled context: the error is %v, and should be none or wrap %q", name, err, context.Canceled)
		}
	}
	b.until(resource.ID, vendormodules.ResourceRunning)
	b.lists(resource.ID)
}

// prompt makes a call with a cancelled context, and fails the test unless it returns promptly.
func prompt(b *bench, name string, call func(context.Context) error) error {
	b.Helper()
	outcome := make(chan error, 1)
	go func() { outcome <- call(cancelled()) }()
	timer := time.NewTimer(promptly)
	defer timer.Stop()
	select {
	case err := <-outcome:
		return err
	case <-timer.C:
		b.Fatalf("%s with a cancelled context has not returned after %s", name, promptly)
		return nil
	}
}

func proveClose(b *bench) {
	resource := b.start(b.request(b.main()))
	for _, time := range []string{"first", "second"} {
		if err := b.module.Close(); err != nil {
			b.Errorf("the %s Close: %v", time, err)
		}
	}
	b.module = b.account.Open(b.T)
	b.until(resource.ID, vendormodules.ResourceRunning)
}

// proveReopen finds everything again after a crash, and can still be rid of it.
func proveReopen(b *bench) {
	var before []vendormodules.Resource
	var ids []string
	for _, kind := range b.module.Describe().Types {
		if kind == descriptors.Cluster {
			continue
		}
		resource := b.start(b.request(kind))
		before, ids = append(before, resource), append(ids, resource.ID)
	}
	b.crash()
	b.lists(ids...)
	for _, old := range before {
		found := b.until(old.ID, vendormodules.ResourceRunning)
		if found.Key != old.Key || found.Name != old.Name || found.Type != old.Type || found.Tags != old.Tags {
			b.Errorf("after a crash %s is shown as %+v, and was %+v", old.ID, found, old)
		}
		if len(old.Addresses) != len(found.Addresses) {
			b.Errorf("after a crash %s has the addresses %+v, and had %+v", old.ID, found.Addresses, old.Addresses)
		}
	}
	for _, resource := range before {
		b.remove(resource.ID)
	}
	b.lists()
}
