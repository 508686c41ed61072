package docker

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Start implements vendormodules.Power.
func (m *Module) Start(ctx context.Context, id string) error {
	one, engine, err := m.machine(ctx, id)
	if err == nil {
		_, err = engine.ContainerStart(ctx, one.ID, client.ContainerStartOptions{})
	}
	return failed(err, "start %s", id)
}

// Stop implements vendormodules.Power. It returns when the machine has stopped.
func (m *Module) Stop(ctx context.Context, id string) error {
	one, engine, err := m.machine(ctx, id)
	if err == nil {
		_, err = engine.ContainerStop(ctx, one.ID, client.ContainerStopOptions{})
	}
	return failed(err, "stop %s", id)
}

// Reboot implements vendormodules.Power. It returns when the machine has been started again.
func (m *Module) Reboot(ctx context.Context, id string) error {
	one, engine, err := m.machine(ctx, id)
	if err == nil {
		_, err = engine.ContainerRestart(ctx, one.ID, client.ContainerRestartOptions{})
	}
	return failed(err, "reboot %s", id)
}

// Resize implements vendormodules.Resizer, for machines: running or not, they have their new limits at once.
func (m *Module) Resize(ctx context.Context, id string, class descriptors.Class) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	one, err := m.locate(ctx, id)
	if err == nil && one.Type != descriptors.Compute {
		err = fmt.Errorf("a %s has no size that is kept: %w", one.Type, vendormodules.ErrUnsupported)
	}
	if err == nil {
		err = one.steady(descriptors.Compute)
	}
	if err == nil {
		err = resize(ctx, one, class)
	}
	return failed(err, "resize %s", id)
}

func resize(ctx context.Context, one found, class descriptors.Class) error {
	engine, err := one.at.connect(ctx)
	if err != nil {
		return err
	}
	resources := limits(class)
	_, err = engine.ContainerUpdate(ctx, one.ID, client.ContainerUpdateOptions{Resources: &resources})
	if lacksUpdate(err) {
		return fmt.Errorf("the engine at %s cannot change the size of a container: %w", one.at.Endpoint, vendormodules.ErrUnsupported)
	}
	return err
}

// Delete implements vendormodules.Module.
func (m *Module) Delete(ctx context.Context, id string) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	one, err := m.locate(ctx, id)
	if err == nil {
		err = m.delete(ctx, one)
	}
	return failed(err, "delete %s", id)
}

func (m *Module) delete(ctx context.Context, one found) error {
	engine, err := one.at.connect(ctx)
	if err != nil {
		return err
	}
	switch one.Type {
	case descriptors.Compute, descriptors.LoadBalancer:
		return remove(ctx, engine, one)
	case descriptors.Volume, descriptors.Snapshot:
		return removeVolume(ctx, engine, one)
	case descriptors.Network:
		if err = one.at.deserted(ctx, one.ID); err == nil {
			_, err = engine.NetworkRemove(ctx, one.ID, client.NetworkRemoveOptions{})
		}
	case descriptors.Image:
		_, err = engine.ImageRemove(ctx, imageTag(one.ID), client.ImageRemoveOptions{PruneChildren: true})
		m.shelves.Forget()
	}
	return err
}

// deleteSeconds is how long what a machine runs may take to end when the machine is to go.
const deleteSeconds = 2

// remove ends a container and takes it away, with the volumes that are its own.
func remove(ctx context.Context, engine *client.Client, one found) error {
	seconds := deleteSeconds
	_, err := engine.ContainerStop(ctx, one.ID, client.ContainerStopOptions{Timeout: &seconds})
	if err != nil && (ctx.Err() != nil || errors.Is(mapped(err), vendormodules.ErrNotFound)) {
		return err
	}
	_, err = engine.ContainerRemove(ctx, one.ID, client.ContainerRemoveOptions{RemoveVolumes: true, Force: true})
	return err
}

// removeVolume takes a volume away, with what was filling it.
func removeVolume(ctx context.Context, engine *client.Client, one found) error {
	if one.State == vendormodules.ResourceCreating {
		if err := letGo(ctx, engine, one.ID); err != nil {
			return err
		}
	}
	if _, err := engine.VolumeRemove(ctx, one.ID, client.VolumeRemoveOptions{}); err != nil {
		return err
	}
	return one.at.unmarkCopy(ctx, engine, one.ID)
}

// deserted refuses to take a network away from machines that have an address in it, running or not.
func (h *host) deserted(ctx context.Context, network string) error {
	for _, kind := range []descriptors.ResourceType{descriptors.Compute, descriptors.LoadBalancer} {
		members, err := h.list(ctx, kind)
		if err != nil {
			return err
		}
		for _, one := range members {
			for _, at := range addressesOf(one.labels) {
				if at.Network == network {
					return fmt.Errorf("%s is in it: %w", one.ID, vendormodules.ErrConflict)
				}
			}
		}
	}
	return nil
}
