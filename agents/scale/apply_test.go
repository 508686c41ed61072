package scale_test

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
)

// applyAll gives applications that run one machine more, as apply does with a changed file: first one alone, then the
// others of the first so many side by side.
func (a *agency) applyAll(f *figures, count int) {
	a.t.Helper()
	if count == 0 {
		return
	}
	began := time.Now()
	must(a.t, a.apply(context.Background(), 0))
	f.report("apply-one-ms", milliseconds(time.Since(began)))
	group, ctx := errgroup.WithContext(context.Background())
	group.SetLimit(*atOnce)
	began = time.Now()
	for number := 1; number < count; number++ {
		group.Go(func() error { return a.apply(ctx, number) })
	}
	must(a.t, group.Wait())
	f.report("apply-rest", float64(count-1))
	f.report("apply-rest-s", time.Since(began).Seconds())
	a.changed = count
}

// resourcesOf is how many resources an application has.
func (a *agency) resourcesOf(number int) int {
	if number < a.changed {
		return resourcesEach + 1
	}
	return resourcesEach
}

// apply negotiates what a changed application needs beyond its agreements, takes the best plan, and brings what runs to it.
func (a *agency) apply(ctx context.Context, number int) error {
	name := deploymentName(number)
	fail := func(step string, err error) error { return fmt.Errorf("change %s: %s: %w", name, step, err) }
	agreed, err := a.client.Descriptor(ctx, name)
	if err != nil {
		return fail("descriptor", err)
	}
	changed := application()
	work := changed.Resources["work"]
	work.Count = quantity.Range{Min: 3, Max: 3}
	changed.Resources["work"] = work
	offers, err := a.client.Submit(ctx, proto.Submission{
		Application: changed, Change: &proto.Change{Deployment: agreed.ID, Revision: agreed.Revision},
	})
	if err != nil {
		return fail("submit", err)
	}
	if len(offers.Plans) == 0 {
		return fail("submit", fmt.Errorf("no plan: %v", offers.Obstacles))
	}
	if _, err := a.client.Accept(ctx, offers.Call, offers.Plans[0].Rank); err != nil {
		return fail("accept", err)
	}
	if agreed, err = a.client.Descriptor(ctx, name); err != nil {
		return fail("descriptor", err)
	}
	if err := a.command(ctx, proto.DeploymentCommand{Verb: proto.DeploymentApply, Descriptor: &agreed}); err != nil {
		return fail("apply", err)
	}
	return nil
}
