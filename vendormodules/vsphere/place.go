package vsphere

import (
	"context"
	"fmt"
	"path"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/vendormodules"
)

// place is where in the inventory everything goes.
type place struct {
	datacenter *object.Datacenter
	folders    *object.DatacenterFolders
	pool       *object.ResourcePool
	datastore  *object.Datastore
	// folder of all that is made of machines.
	folder *object.Folder
	// public network; nil where there is none.
	public object.NetworkReference
	// distributed switch; its reference is empty where there is none.
	distributed types.ManagedObjectReference
}

// findPlace finds everything by the names that the configuration says, else the only one of each. The folder of all that
// is made is made too, unless nothing is to be changed: then the one above stands for it.
func (m *Module) findPlace(ctx context.Context, c *connection, change bool) (place, error) {
	var p place
	var err error
	finder := find.NewFinder(c.Client, true)
	if p.datacenter, err = finder.DatacenterOrDefault(ctx, m.configuration.Datacenter); err != nil {
		return p, missing("datacenter", err)
	}
	finder.SetDatacenter(p.datacenter)
	if p.folders, err = p.datacenter.Folders(ctx); err != nil {
		return p, err
	}
	if m.configuration.Cluster != "" {
		cluster, err := finder.ClusterComputeResource(ctx, m.configuration.Cluster)
		if err != nil {
			return p, missing("cluster", err)
		}
		if p.pool, err = cluster.ResourcePool(ctx); err != nil {
			return p, err
		}
	} else if p.pool, err = finder.ResourcePoolOrDefault(ctx, m.configuration.Pool); err != nil {
		return p, missing("resource-pool", err)
	}
	if p.datastore, err = finder.DatastoreOrDefault(ctx, m.configuration.Datastore); err != nil {
		return p, missing("datastore", err)
	}
	if m.configuration.Public.Network != "" {
		if p.public, err = finder.Network(ctx, m.configuration.Public.Network); err != nil {
			return p, missing("public.network", err)
		}
	}
	if p.folder, err = m.findFolder(ctx, c, finder, p.folders.VmFolder, change); err != nil {
		return p, err
	}
	p.distributed, err = m.findSwitch(ctx, c, p.folders.NetworkFolder)
	return p, err
}

// missing says which part of the configuration does not fit what is there.
func missing(field string, err error) error {
	if name, _ := faultOf(err); name != "" {
		return err
	}
	if mapped := mapped(err); mapped != nil && !isLookup(err) {
		return mapped
	}
	return fmt.Errorf("%s of the configuration: %w: %w", field, err, vendormodules.ErrInvalid)
}

// isLookup says whether a finder found nothing, or too much.
func isLookup(err error) bool {
	switch err.(type) { //nolint:errorlint // the finder returns them as they are
	case *find.NotFoundError, *find.MultipleFoundError, *find.DefaultNotFoundError, *find.DefaultMultipleFoundError:
		return true
	}
	return false
}

// findFolder finds the folder of all that is made, and makes it if it is the default.
func (m *Module) findFolder(
	ctx context.Context, c *connection, finder *find.Finder, machines *object.Folder, change bool,
) (*object.Folder, error) {
	if m.configuration.Folder != "" {
		folder, err := finder.Folder(ctx, path.Join(machines.InventoryPath, m.configuration.Folder))
		if err != nil {
			return nil, missing("folder", err)
		}
		return folder, nil
	}
	name := "agency-" + m.environment.Agency
	for again := true; ; again = false {
		found, err := object.NewSearchIndex(c.Client).FindChild(ctx, machines, name)
		if err != nil {
			return nil, err
		}
		if folder, is := found.(*object.Folder); is {
			return folder, nil
		}
		if !change {
			return machines, nil
		}
		made, err := machines.CreateFolder(ctx, name)
		if !again || !isFault(err, "DuplicateName") { // else somebody else made it meanwhile
			return made, err
		}
	}
}

// findSwitch finds the distributed switch that networks are made of; none is no fault.
func (m *Module) findSwitch(ctx context.Context, c *connection, networks *object.Folder) (types.ManagedObjectReference, error) {
	var none types.ManagedObjectReference
	children, err := networks.Children(ctx)
	if err != nil {
		return none, err
	}
	var references []types.ManagedObjectReference
	for _, child := range children {
		if kind := child.Reference().Type; kind == "VmwareDistributedVirtualSwitch" || kind == "DistributedVirtualSwitch" {
			references = append(references, child.Reference())
		}
	}
	if m.configuration.Switch == "" {
		if len(references) == 1 {
			return references[0], nil
		}
		return none, nil
	}
	if len(references) > 0 {
		var switches []mo.DistributedVirtualSwitch
		if err := property.DefaultCollector(c.Client).Retrieve(ctx, references, []string{"name"}, &switches); err != nil {
			return none, err
		}
		for _, one := range switches {
			if one.Name == path.Base(m.configuration.Switch) {
				return one.Self, nil
			}
		}
	}
	return none, fmt.Errorf("switch of the configuration: there is no %q: %w", m.configuration.Switch, vendormodules.ErrInvalid)
}
