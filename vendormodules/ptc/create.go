package ptc

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// Create implements vendormodules.Module. The resource's id is its key. A create that was cut off between any two of its
// steps leaves a resource that is shown as creating, can be deleted, and is finished by a repeat.
func (m *Module) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	leave, err := m.begin(ctx)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	defer leave()
	resource, err := m.create(ctx, request)
	if err != nil {
		return resource, fmt.Errorf("ptc: create %s %s: %w", request.Class.Type, request.Key, err)
	}
	return resource, nil
}

func (m *Module) create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	if err := m.check(request); err != nil {
		return vendormodules.Resource{}, err
	}
	release, err := m.locks.acquire(ctx, request.Key)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	defer release()
	of, err := m.read(request.Key)
	if errors.Is(err, vendormodules.ErrNotFound) {
		if _, err := m.origin(request); err != nil {
			return vendormodules.Resource{}, err
		}
		of, err = m.found(request)
	}
	if err == nil && of.Deleting {
		err = fmt.Errorf("it is being deleted: %w", vendormodules.ErrConflict)
	}
	if err == nil && !of.Prepared {
		of, err = m.prepare(ctx, of, request)
	}
	if err == nil {
		err = m.launchNew(ctx, of)
	}
	if errors.Is(err, vendormodules.ErrInvalid) && of.Key != "" { // a repeat would fail as well
		err = errors.Join(err, m.remove(ctx, of))
	}
	if err != nil {
		return vendormodules.Resource{}, err
	}
	return m.show(of)
}

// offers says whether resources of a type are made here; those of a cluster are computes.
func (m *Module) offers(kind descriptors.ResourceType) bool {
	types := m.configuration.Types
	return slices.Contains(types, kind) || kind == descriptors.Compute && slices.Contains(types, descriptors.Cluster)
}

// check refuses requests that will never do.
func (m *Module) check(request vendormodules.Request) error {
	kind := request.Class.Type
	switch {
	case !validKey.MatchString(request.Key):
		return fmt.Errorf("key %q: %w", request.Key, vendormodules.ErrInvalid)
	case kind == descriptors.Cluster || !slices.Contains(types[:], kind):
		return fmt.Errorf("no resource is a %q: %w", kind, vendormodules.ErrInvalid)
	case !m.offers(kind):
		return fmt.Errorf("no %s here: %w", kind, vendormodules.ErrUnsupported)
	}
	if refusal := m.refuse(request.Class); refusal != nil && kind != descriptors.Compute {
		return fmt.Errorf("%w: %w", *refusal, vendormodules.ErrUnsupported)
	}
	if kind != descriptors.Compute {
		return nil
	}
	if refusal := m.refuseMachine(request.Class); refusal != nil {
		return fmt.Errorf("%w: %w", *refusal, vendormodules.ErrUnsupported)
	}
	return checkMounts(request.Volumes)
}

// found lays the resource down: from here on it exists.
func (m *Module) found(request vendormodules.Request) (record.Record, error) {
	of := record.Record{
		Key: request.Key, Name: request.Name, Tags: request.Tags, Class: request.Class.WithDefaults(),
		Created: m.environment.Now().UTC(), Targets: request.Targets,
	}
	of.Class.UserData = "" // it lies in the machine's directory alone
	var subdirectories []string
	switch request.Class.Type {
	case descriptors.Volume:
		of.Prepared, subdirectories = request.Snapshot == "", []string{"data"}
	case descriptors.Network:
		of.Prepared = true
	case descriptors.LoadBalancer:
		if err := m.addProgram(&of); err != nil {
			return record.Record{}, err
		}
		of.Prepared = true
	default:
		subdirectories = []string{"root", "volumes"}
		of.Volumes = make(map[string]string, len(request.Volumes))
		for _, mount := range request.Volumes {
			of.Volumes[mount.Volume] = cleanMount(mount.Mount)
		}
	}
	if err := m.ledger.grant(request, &of); err != nil {
		return record.Record{}, err
	}
	if err := m.lay(of, subdirectories...); err != nil {
		m.ledger.release(of.Key)
		return record.Record{}, err
	}
	return of, nil
}

// launchNew starts the keeper of a machine or balancer that never had one.
func (m *Module) launchNew(ctx context.Context, of record.Record) error {
	if !kept(of) {
		return nil
	}
	_, there, err := m.at(of.Key).ReadStatus()
	if err != nil || there {
		return err
	}
	return m.launch(ctx, of)
}

// launch starts a keeper, by the agency's program as it is now.
func (m *Module) launch(ctx context.Context, of record.Record) error {
	before := of.Program
	if err := m.addProgram(&of); err != nil {
		return err
	}
	if err := m.installImage(of); err != nil {
		return err
	}
	if of.Program != before {
		if err := m.at(of.Key).Write(of); err != nil {
			return err
		}
	}
	if err := m.launcher.Start(ctx, m.at(of.Key), of.Program); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%w: %w", err, vendormodules.ErrTransient)
	}
	return nil
}

// kept says whether a resource has a keeper.
func kept(of record.Record) bool {
	return of.Class.Type == descriptors.Compute || of.Class.Type == descriptors.LoadBalancer
}
