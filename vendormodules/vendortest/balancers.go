package vendortest

import (
	"fmt"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// balanced starts a balancer in front of targets of these names and waits until it serves them.
func balanced(b *bench, names ...string) (vendormodules.Resource, []vendormodules.Target) {
	b.Helper()
	if b.provider.Target == nil || b.provider.Fetch == nil {
		b.Fatal("the module has balancers, and the provider has no Target or no Fetch")
	}
	request := b.request(descriptors.LoadBalancer)
	for _, name := range names {
		request.Targets = append(request.Targets, b.provider.Target(b.T, name))
	}
	balancer := b.start(request)
	serves(b, balancer, names...)
	return balancer, request.Targets
}

// answersEach is how many answers in a row must show what a balancer serves, for each target.
const answersEach = 5

// serves waits until a balancer's answers come from all these targets and no other.
func serves(b *bench, balancer vendormodules.Resource, names ...string) {
	b.Helper()
	slices.Sort(names)
	Eventually(b, b.provider.wait(), fmt.Sprintf("the balancer serves %q", names), func() error {
		var answered []string
		for range answersEach * len(names) {
			name, err := b.provider.Fetch(b.Context(), balancer, b.provider.Classes[descriptors.LoadBalancer])
			if err != nil {
				return err
			}
			answered = append(answered, name)
		}
		slices.Sort(answered)
		if answered = slices.Compact(answered); !slices.Equal(answered, names) {
			return fmt.Errorf("answers come from %q", answered)
		}
		return nil
	})
}

func proveBalancer(b *bench) {
	balancer, _ := balanced(b, "one", "two")
	b.crash()
	serves(b, balancer, "one", "two")
}

func proveSetTargets(b *bench) {
	set := vendormodules.AbilitiesOf(b.module).Balancer.SetTargets
	balancer, targets := balanced(b, "one", "two")
	three := b.provider.Target(b.T, "three")
	for _, step := range []struct {
		targets []vendormodules.Target
		names   []string
	}{
		{[]vendormodules.Target{targets[0], targets[1], three}, []string{"one", "two", "three"}},
		{[]vendormodules.Target{three}, []string{"three"}},
		{[]vendormodules.Target{targets[0], three}, []string{"one", "three"}},
	} {
		for range 2 { // a repeat changes nothing
			if err := set(b.Context(), balancer.ID, step.targets); err != nil {
				b.Fatalf("SetTargets to %q: %v", step.names, err)
			}
		}
		serves(b, balancer, step.names...)
	}
	b.crash()
	serves(b, balancer, "one", "three")
}
