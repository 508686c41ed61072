package deployer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// deploy makes everything that the descriptor asks for exist. When something fails, the deployment's policy says whether
// what was created is rolled back or kept.
func (a *Agent) deploy(ctx context.Context, target *deployment) error {
	if state := target.state(); state == descriptors.DeploymentPlanned || state == descriptors.DeploymentFailed {
		if err := a.move(ctx, target, descriptors.DeploymentProvisioning, sla.Refusal{}); err != nil {
			return err
		}
	}
	err := a.provision(ctx, target)
	switch {
	case err == nil:
		return a.move(ctx, target, descriptors.DeploymentRunning, sla.Refusal{})
	case ctx.Err() != nil:
		return context.Cause(ctx) // whoever interrupted, or the next start, goes on from here
	}
	return a.fail(ctx, target, err)
}

// fail ends a provisioning that did not work.
func (a *Agent) fail(ctx context.Context, target *deployment, cause error) error {
	refusal := refusalOf(cause)
	name := target.record.Descriptor.Name
	if target.state() != descriptors.DeploymentProvisioning {
		return refusal // it ran before and still does what it did
	}
	again := fmt.Sprintf("`agency deploy %s` tries again, `agency remove %s` ends the agreement", name, name)
	if target.record.Descriptor.OnFailure == descriptors.Keep {
		refusal.Message += "; what was created is kept"
	} else {
		if err := a.removeAll(ctx, target); err != nil {
			return errors.Join(refusal, fmt.Errorf("roll back: %w", err))
		}
		refusal.Message += "; what was created is rolled back"
	}
	if refusal.Hint == "" {
		refusal.Hint = again
	} else {
		refusal.Hint += "; then " + again
	}
	if err := a.move(ctx, target, descriptors.DeploymentFailed, refusal); err != nil {
		return errors.Join(refusal, err)
	}
	return refusal
}

// provision prepares every class at its vendor, and only then creates: each class as soon as what it needs runs.
func (a *Agent) provision(ctx context.Context, target *deployment) error {
	target.mutex.Lock()
	wanted := map[string][]*instance{}
	var written []services.Change
	for _, class := range slices.Sorted(maps.Keys(target.record.Counts)) {
		create, unwritten := a.plan(target, class, target.record.Counts[class])
		wanted[class] = create
		for _, one := range unwritten {
			written = append(written, a.tables.instance(one))
		}
	}
	target.mutex.Unlock()
	if len(written) > 0 {
		if err := a.commit(ctx, nil, written...); err != nil {
			return err
		}
	}
	if err := a.prepare(ctx, target); err != nil {
		return err
	}
	classes := target.record.Descriptor.Classes()
	err := walk(ctx, descriptors.Dependencies(classes), func(ctx context.Context, class string) error {
		return a.createAll(ctx, target, wanted[class])
	})
	if err != nil {
		return err
	}
	for balancer := range classes {
		if classes[balancer].Type == descriptors.LoadBalancer && len(wanted[balancer]) == 0 &&
			len(wanted[classes[balancer].Targets]) > 0 {
			if err := a.retarget(ctx, target, balancer); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare asks each vendor whether a class can be created, and brings it the class's files.
func (a *Agent) prepare(ctx context.Context, target *deployment) error {
	descriptor := &target.record.Descriptor
	group, ctx := errgroup.WithContext(ctx)
	for name, bound := range descriptor.Resources {
		group.Go(func() error {
			if err := a.bring(ctx, bound); err != nil {
				return fmt.Errorf("bring the files of %s to %s: %w", name, bound.Vendor, err)
			}
			id := fmt.Sprintf("%s-prepare-%s-%s", target.operation(), name, bound.Agreement)
			class := bound.Class
			outcome, err := a.do(ctx, target, bound.Vendor, id, 0, proto.ResourceCommand{
				Verb: proto.VerbPrepare, Agreement: bound.Agreement, Class: &class, Name: name,
				Resource: proto.ResourceRef{Deployment: descriptor.ID, Class: name},
			})
			if err == nil && outcome.Refusal != nil {
				err = *outcome.Refusal
			}
			return err
		})
	}
	return group.Wait()
}

func (d *deployment) operation() string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.record.Operation
}

// bring copies a class's files from the deployer's object store to the vendor's.
func (a *Agent) bring(ctx context.Context, bound descriptors.BoundClass) error {
	if bound.Upload == "" {
		return nil
	}
	source, err := a.Peer.GetObject(ctx, string(proto.RoleDeployer), bound.Upload)
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // read only
	_, _, err = a.Peer.PutObject(ctx, bound.Vendor, bound.Upload, source)
	return err
}

// walk does every class after those it depends on, and as many at a time as that allows. After the first failure nothing
// more is begun, what is under way is waited for, and the failure is returned.
func walk(
	ctx context.Context, dependencies map[string][]string, do func(ctx context.Context, class string) error,
) error {
	done := make(map[string]chan struct{}, len(dependencies))
	for class := range dependencies {
		done[class] = make(chan struct{})
	}
	var group sync.WaitGroup
	stop, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	for class, needs := range dependencies {
		group.Go(func() {
			for _, need := range needs {
				select {
				case <-done[need]:
				case <-stop.Done():
					return
				}
			}
			if stop.Err() != nil {
				return
			}
			// ctx, not stop: what was begun is seen through, so that its end is known.
			if err := do(ctx, class); err != nil {
				failed(err)
				return
			}
			close(done[class])
		})
	}
	group.Wait()
	return context.Cause(stop)
}

// createAll creates instances side by side. All are waited for; the first failure is returned.
func (a *Agent) createAll(ctx context.Context, target *deployment, instances []*instance) error {
	var group errgroup.Group
	for _, one := range instances {
		group.Go(func() error {
			content, err := a.creation(target, one)
			if err != nil {
				return err
			}
			return a.give(ctx, target, one, content)
		})
	}
	return group.Wait()
}
