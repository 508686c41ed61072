package vsphere

import (
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// createMachine copies a template, joins the copy to its networks and volumes, and starts it.
func (m *Module) createMachine(ctx context.Context, c *connection, request vendormodules.Request) error {
	source, size, err := m.origin(ctx, c, request)
	if err != nil {
		return err
	}
	ours, err := m.machines(ctx, c, deviceProperties)
	if err != nil {
		return err
	}
	volumes, err := chooseVolumes(request.Volumes, ours)
	if err != nil {
		return err
	}
	networks, err := m.chooseNetworks(ctx, c, request.Networks)
	if err != nil {
		return err
	}
	of := m.describe(request.Key, request.Name, descriptors.Compute, request.Tags)
	if of.Addresses, err = m.promiseAddresses(request.Key, networks, ours); err != nil {
		return err
	}
	defer m.keepPromise(request.Key)
	of.Volumes = request.Volumes
	options, err := m.guestOptions(request, of, networks, volumes)
	if err != nil {
		return err
	}
	made, err := m.clone(ctx, c, source, request.Key, types.VirtualMachineConfigSpec{ExtraConfig: options})
	if err != nil {
		return err
	}
	made.record = of
	change := types.VirtualMachineConfigSpec{
		NumCPUs: int32(size.Cores), MemoryMB: int64(size.Memory / quantity.MiB), //nolint:gosec // at most 1024 cores
		ExtraConfig: append(options, extra(stageKey, stageJoined)),
	}
	if change.DeviceChange, err = m.join(ctx, c, made, networks, volumes); err != nil {
		return err
	}
	task, err := made.machine(c).Reconfigure(ctx, change)
	if err := done(ctx, task, err); err != nil {
		return err
	}
	return m.begin(ctx, c, made)
}

// clone copies a machine, with changes, under a name that is a key. A copy of that name is as good: another create of the
// key, given up on, has come to it meanwhile.
func (m *Module) clone(
	ctx context.Context, c *connection, source types.ManagedObjectReference, name string, change types.VirtualMachineConfigSpec,
) (entity, error) {
	pool, datastore := c.place.pool.Reference(), c.place.datastore.Reference()
	task, err := object.NewVirtualMachine(c.Client, source).Clone(ctx, c.place.folder, name, types.VirtualMachineCloneSpec{
		Location: types.VirtualMachineRelocateSpec{Pool: &pool, Datastore: &datastore}, Config: &change,
	})
	if err := done(ctx, task, err); err != nil && !isFault(err, "DuplicateName") {
		return entity{}, err
	}
	found, err := object.NewSearchIndex(c.Client).FindChild(ctx, c.place.folder, name)
	if err != nil {
		return entity{}, err
	}
	if found == nil { // it was removed at once, or the other create is not through
		return entity{}, fmt.Errorf("the copy is not there yet: %w", vendormodules.ErrTransient)
	}
	made, _, err := m.read(ctx, c, found.Reference())
	return made, err
}

// origin is what a machine is a copy of, and its size.
func (m *Module) origin(
	ctx context.Context, c *connection, request vendormodules.Request,
) (types.ManagedObjectReference, vendormodules.Flavor, error) {
	var none types.ManagedObjectReference
	if request.Image != "" {
		image, err := m.findType(ctx, c, request.Image, descriptors.Image)
		if err != nil {
			return none, vendormodules.Flavor{}, err
		}
		size, err := m.configuration.Prices.Cheapest(m.flavors(), request.Class, vendormodules.Image{})
		return image.reference, size, unserved(err)
	}
	image, size, err := m.choose(ctx, request.Class)
	if err != nil {
		return none, size, unserved(err)
	}
	return types.ManagedObjectReference{Type: "VirtualMachine", Value: image.ID}, size, nil
}

// unserved is the error of a create whose class the cloud cannot serve.
func unserved(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", err, vendormodules.ErrUnsupported)
}

// chooseNetworks finds the networks of a request, the public one if it names none.
func (m *Module) chooseNetworks(ctx context.Context, c *connection, ids []string) ([]entity, error) {
	if len(ids) == 0 && c.place.public != nil {
		return []entity{m.publicNetwork()}, nil
	}
	var networks []entity
	for _, id := range ids {
		network, err := m.findType(ctx, c, id, descriptors.Network)
		if err != nil {
			return nil, err
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// join are the changes that give a copy of a template its networks in the place of the template's, and its volumes.
func (m *Module) join(
	ctx context.Context, c *connection, made entity, networks, volumes []entity,
) ([]types.BaseVirtualDeviceConfigSpec, error) {
	var changes []types.BaseVirtualDeviceConfigSpec
	change := func(operation types.VirtualDeviceConfigSpecOperation, device types.BaseVirtualDevice) {
		changes = append(changes, &types.VirtualDeviceConfigSpec{Operation: operation, Device: device})
	}
	for _, card := range made.devices.SelectByType((*types.VirtualEthernetCard)(nil)) {
		change(types.VirtualDeviceConfigSpecOperationRemove, card)
	}
	devices := slices.Clone(made.devices)
	for index, network := range networks {
		card, err := m.card(ctx, c, network, made.Addresses[index])
		if err != nil {
			return nil, err
		}
		card.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard().Key = int32(-100 - index)
		change(types.VirtualDeviceConfigSpecOperationAdd, card)
	}
	for _, volume := range volumes {
		disk, err := attachable(devices, volume)
		if err != nil {
			return nil, err
		}
		devices = append(devices, disk)
		change(types.VirtualDeviceConfigSpecOperationAdd, disk)
	}
	return changes, nil
}

// card is a network card in a network. Its MAC address follows from the machine's own, by which the machine knows it.
func (m *Module) card(ctx context.Context, c *connection, network entity, own address) (types.BaseVirtualDevice, error) {
	reference := c.place.public
	if network.Key != "" {
		reference = object.NewDistributedVirtualPortgroup(c.Client, network.reference)
	}
	backing, err := reference.EthernetCardBackingInfo(ctx)
	if err != nil {
		return nil, err
	}
	card, err := object.EthernetCardTypes().CreateEthernetCard("vmxnet3", backing)
	if err != nil {
		return nil, err
	}
	if mac := own.mac(); mac != "" {
		described := card.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
		described.AddressType, described.MacAddress = string(types.VirtualEthernetCardMacTypeManual), mac
	}
	return card, nil
}

// begin starts a machine for the first time, and writes down that it was.
func (m *Module) begin(ctx context.Context, c *connection, made entity) error {
	if err := m.start(ctx, c, made); err != nil {
		return err
	}
	task, err := made.machine(c).Reconfigure(ctx, types.VirtualMachineConfigSpec{
		ExtraConfig: []types.BaseOptionValue{extra(stageKey, stageBegun)},
	})
	return done(ctx, task, err)
}
