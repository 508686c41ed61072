package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// right is what the credential's user must be allowed to do, and where.
type right struct {
	where      string
	entity     func(p place) types.ManagedObjectReference
	privileges []string
}

// rights are all that the module needs.
func rights() []right {
	return []right{
		{"the folder", func(p place) types.ManagedObjectReference { return p.folder.Reference() }, []string{
			"VirtualMachine.Inventory.Create", "VirtualMachine.Inventory.CreateFromExisting", "VirtualMachine.Inventory.Delete",
			"VirtualMachine.Config.AddExistingDisk", "VirtualMachine.Config.AddNewDisk", "VirtualMachine.Config.AddRemoveDevice",
			"VirtualMachine.Config.AdvancedConfig", "VirtualMachine.Config.CPUCount", "VirtualMachine.Config.DiskExtend",
			"VirtualMachine.Config.EditDevice", "VirtualMachine.Config.Memory", "VirtualMachine.Config.RemoveDisk",
			"VirtualMachine.Interact.PowerOff", "VirtualMachine.Interact.PowerOn", "VirtualMachine.Interact.Reset",
			"VirtualMachine.Provisioning.Clone", "VirtualMachine.Provisioning.CreateTemplateFromVM",
			"VirtualMachine.Provisioning.DeployTemplate",
		}},
		{"the resource pool", func(p place) types.ManagedObjectReference { return p.pool.Reference() }, []string{
			"Resource.AssignVMToPool",
		}},
		{"the datastore", func(p place) types.ManagedObjectReference { return p.datastore.Reference() }, []string{
			"Datastore.AllocateSpace",
		}},
		{"the distributed switch", func(p place) types.ManagedObjectReference { return p.distributed }, []string{
			"DVPortgroup.Create", "DVPortgroup.Delete", "Network.Assign",
		}},
	}
}

// CheckCredential implements vendormodules.CredentialChecker: it logs in by the credential alone, and asks vCenter for each
// privilege that the module needs.
func (m *Module) CheckCredential(ctx context.Context, scope services.Scope) error {
	err := m.tryCredential(ctx, scope)
	if err = mapped(err); err != nil {
		return fmt.Errorf("vsphere: check the credential: %w", err)
	}
	return nil
}

func (m *Module) tryCredential(ctx context.Context, scope services.Scope) (err error) {
	c, err := m.login(ctx, scope)
	if err != nil {
		return err
	}
	defer c.sessions.Logout(context.WithoutCancel(ctx)) //nolint:errcheck // vCenter ends it by itself otherwise
	user, err := c.sessions.UserSession(ctx)
	if err != nil {
		return err
	}
	if c.place, err = m.findPlace(ctx, c, false); err != nil {
		return err
	}
	var lacking []string
	for _, one := range rights() {
		entity := one.entity(c.place)
		if entity.Value == "" || user == nil {
			continue
		}
		granted, err := object.NewAuthorizationManager(c.Client).FetchUserPrivilegeOnEntities(
			ctx, []types.ManagedObjectReference{entity}, user.UserName)
		if err != nil {
			return err
		}
		var missing []string
		for _, privilege := range one.privileges {
			has := func(result types.UserPrivilegeResult) bool { return slices.Contains(result.Privileges, privilege) }
			if !slices.ContainsFunc(granted, has) {
				missing = append(missing, privilege)
			}
		}
		if len(missing) > 0 {
			lacking = append(lacking, fmt.Sprintf("%s on %s", strings.Join(missing, ", "), one.where))
		}
	}
	if len(lacking) > 0 {
		return fmt.Errorf("it lacks the privileges %s: %w", strings.Join(lacking, "; "), vendormodules.ErrAuthentication)
	}
	return nil
}
