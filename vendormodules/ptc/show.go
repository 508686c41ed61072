package ptc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/keeper"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// Get implements vendormodules.Module.
func (m *Module) Get(ctx context.Context, id string) (vendormodules.Resource, error) {
	leave, err := m.begin(ctx)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	defer leave()
	of, err := m.read(id)
	if err != nil {
		return vendormodules.Resource{}, fmt.Errorf("ptc: get: %w", err)
	}
	resource, err := m.show(of)
	if err != nil {
		return resource, fmt.Errorf("ptc: get %s: %w", id, m.orGone(id, err))
	}
	return resource, nil
}

// List implements vendormodules.Module.
func (m *Module) List(ctx context.Context) ([]vendormodules.Resource, error) {
	leave, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	records, err := m.records()
	if err != nil {
		return nil, fmt.Errorf("ptc: %w", err)
	}
	resources := make([]vendormodules.Resource, 0, len(records))
	for _, of := range records {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		resource, err := m.show(of)
		if err = m.orGone(of.Key, err); errors.Is(err, vendormodules.ErrNotFound) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("ptc: list: %s: %w", of.Key, err)
		}
		resources = append(resources, resource)
	}
	return resources, nil
}

// orGone makes an error that comes of the resource's removal meanwhile an ErrNotFound.
func (m *Module) orGone(id string, err error) error {
	if err == nil {
		return nil
	}
	if _, gone := os.Stat(string(m.at(id))); errors.Is(gone, fs.ErrNotExist) {
		return fmt.Errorf("resource %s: %w", id, vendormodules.ErrNotFound)
	}
	return err
}

// show is a resource as it is now.
func (m *Module) show(of record.Record) (vendormodules.Resource, error) {
	resource := vendormodules.Resource{
		ID: of.Key, Key: of.Key, Name: of.Name, Type: of.Class.Type, Tags: of.Tags, Created: of.Created,
		State: vendormodules.ResourceRunning,
	}
	if of.Class.Type == descriptors.Volume || of.Class.Type.CopyOf() != "" {
		resource.Size, resource.Warnings = of.Class.Size, slices.Clone(of.Warnings)
	}
	for _, address := range of.Addresses {
		resource.Addresses = append(resource.Addresses, address.Address)
	}
	if of.Block != "" {
		resource.Addresses = []vendormodules.Address{{Address: of.Block}}
	}
	resource.Warnings = append(resource.Warnings, unkept(of)...)
	switch {
	case of.Deleting:
		resource.State = vendormodules.ResourceDeleting
	case !of.Prepared:
		resource.State = vendormodules.ResourceCreating
	case kept(of):
		return m.showKept(of, resource)
	case of.Class.Type == descriptors.Volume:
		warning, err := m.exceeded(of)
		if err != nil {
			return resource, err
		}
		if warning != "" {
			resource.Warnings = append(resource.Warnings, warning)
		}
	}
	return resource, nil
}

// unkept says what a class asks for that one host with its loopback cannot keep.
func unkept(of record.Record) []string {
	var warnings []string
	if slices.Contains(of.Class.Place.Apart, descriptors.ApartMachine) {
		warnings = append(warnings, "not apart from others of its class: there is one host here")
	}
	if of.Class.Range != "" && of.Class.Range != of.Block {
		warnings = append(warnings, fmt.Sprintf("its addresses are of %s, on the loopback, not of %s", of.Block, of.Class.Range))
	}
	if len(of.Class.Rules) > 0 {
		warnings = append(warnings, "its rules keep nobody out: whatever is on this host reaches every port")
	}
	return warnings
}

func (m *Module) showKept(of record.Record, resource vendormodules.Resource) (vendormodules.Resource, error) {
	status, err := m.look(m.at(of.Key))
	if err != nil {
		return resource, err
	}
	switch status.Phase {
	case record.Starting, "":
		resource.State = vendormodules.ResourceCreating
	case record.Running, record.Stopping:
		resource.State = vendormodules.ResourceRunning
	case record.Stopped:
		resource.State = vendormodules.ResourceStopped
		return resource, nil
	case record.Lost:
		resource.State = vendormodules.ResourceStopped
		resource.Warnings = append(resource.Warnings, "it stopped when its host ended or its keeper was killed; start it again")
		return resource, nil
	case record.Failed:
		resource.State, resource.Fault = vendormodules.ResourceError, status.Fault
	}
	resource.Warnings = append(resource.Warnings, status.Warnings...)
	return resource, nil
}

// look is the status of a keeper. If it was killed, what it left is ended first.
func (m *Module) look(directory record.Directory) (record.Status, error) {
	status, alive, err := keeper.Look(directory)
	if err != nil || alive || status.Over() || status.Phase == "" {
		return status, err
	}
	if status, err = keeper.Recover(directory); err != nil {
		return status, err
	}
	return status, nil
}
