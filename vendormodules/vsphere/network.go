package vsphere

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// firstPorts is how many ports a network begins with; more come by themselves.
const firstPorts = 8

// createNetwork makes a port group of the distributed switch.
func (m *Module) createNetwork(ctx context.Context, c *connection, request vendormodules.Request) error {
	if c.place.distributed.Value == "" {
		return fmt.Errorf("there is no distributed switch, or several and none is configured: %w", vendormodules.ErrUnsupported)
	}
	there, err := m.networks(ctx, c)
	if err != nil {
		return err
	}
	chosen, err := m.promiseNetwork(request.Key, request.Class.Range, there)
	if err != nil {
		return err
	}
	defer m.keepPromise(request.Key)
	of := m.describe(request.Key, request.Name, descriptors.Network, request.Tags)
	of.Range, of.VLAN = chosen.prefix, chosen.vlan
	text, err := of.text()
	if err != nil {
		return err
	}
	task, err := object.NewDistributedVirtualSwitch(c.Client, c.place.distributed).AddPortgroup(ctx, []types.DVPortgroupConfigSpec{{
		Name: request.Key, Description: text, NumPorts: firstPorts, AutoExpand: types.NewBool(true),
		Type: string(types.DistributedVirtualPortgroupPortgroupTypeEarlyBinding),
		DefaultPortConfig: &types.VMwareDVSPortSetting{
			Vlan: &types.VmwareDistributedVirtualSwitchVlanIdSpec{VlanId: int32(of.VLAN)}, //nolint:gosec // at most 4094
		},
	}})
	return allowDuplicate(done(ctx, task, err))
}

// deleteNetwork removes a port group that no machine of ours is in.
func (m *Module) deleteNetwork(ctx context.Context, c *connection, network entity) error {
	machines, err := m.machines(ctx, c, machineProperties)
	if err != nil {
		return err
	}
	for _, machine := range machines {
		for _, one := range machine.Addresses {
			if one.Network == network.Key {
				return fmt.Errorf("machine %s is in it: %w", machine.Key, vendormodules.ErrConflict)
			}
		}
	}
	task, err := object.NewDistributedVirtualPortgroup(c.Client, network.reference).Destroy(ctx)
	return done(ctx, task, err)
}
