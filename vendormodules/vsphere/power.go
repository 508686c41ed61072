package vsphere

import (
	"context"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// shutdownPatience is how long a machine may take to shut down by itself before it is switched off.
const shutdownPatience = 60 * time.Second

// Start implements vendormodules.Power.
func (m *Module) Start(ctx context.Context, id string) error {
	return m.change(ctx, "start machine "+id, id, func(c *connection, machine entity) error { return m.start(ctx, c, machine) })
}

// start switches a machine on; one that is on already is as good.
func (m *Module) start(ctx context.Context, c *connection, machine entity) error {
	if machine.power == types.VirtualMachinePowerStatePoweredOn {
		return nil
	}
	task, err := machine.machine(c).PowerOn(ctx)
	return allowState(done(ctx, task, err))
}

// allowState lets a machine be in the state that it is to be in.
func allowState(err error) error {
	if _, fault := faultOf(err); fault != nil {
		if state, is := fault.(types.InvalidPowerState); is && state.RequestedState == state.ExistingState {
			return nil
		}
	}
	return err
}

// Stop implements vendormodules.Power: the machine shuts down if its tools hear of it, else it is switched off.
func (m *Module) Stop(ctx context.Context, id string) error {
	return m.change(ctx, "stop machine "+id, id, func(c *connection, machine entity) error {
		if machine.power == types.VirtualMachinePowerStatePoweredOff {
			return nil
		}
		if machine.machine(c).ShutdownGuest(ctx) == nil {
			patience, cancel := context.WithTimeout(ctx, shutdownPatience)
			defer cancel()
			if machine.machine(c).WaitForPowerState(patience, types.VirtualMachinePowerStatePoweredOff) == nil {
				return nil
			}
		}
		return m.switchOff(ctx, machine.machine(c))
	})
}

func (m *Module) switchOff(ctx context.Context, machine *object.VirtualMachine) error {
	task, err := machine.PowerOff(ctx)
	return allowState(done(ctx, task, err))
}

// Reboot implements vendormodules.Power: by the machine's tools if they hear of it, else by its reset.
func (m *Module) Reboot(ctx context.Context, id string) error {
	return m.change(ctx, "reboot machine "+id, id, func(c *connection, machine entity) error {
		if machine.machine(c).RebootGuest(ctx) == nil {
			return nil
		}
		task, err := machine.machine(c).Reset(ctx)
		return done(ctx, task, err)
	})
}
