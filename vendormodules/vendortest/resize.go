package vendortest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// proveResize gives what exists twice its size. A module may refuse that to one type of resources, and not to both.
func proveResize(b *bench) {
	done := 0
	for _, kind := range []descriptors.ResourceType{descriptors.Volume, descriptors.Compute} {
		if !b.creates(kind) {
			continue
		}
		prove := map[descriptors.ResourceType]func(*bench) error{
			descriptors.Volume: proveVolumeGrows, descriptors.Compute: proveMachineGrows,
		}[kind]
		err := prove(b)
		if err == nil {
			done++
			continue
		}
		b.wants(err, vendormodules.ErrUnsupported, fmt.Sprintf("Resize of a %s to twice its size", kind))
		b.Logf("a %s keeps its size: %v", kind, err)
	}
	if done == 0 {
		b.Error("the module has Resizer, and resizes neither volumes nor machines")
	}
	if b.creates(descriptors.Network) {
		network := b.start(b.request(descriptors.Network))
		b.wants(b.resize(network.ID, network.Type), vendormodules.ErrUnsupported, "Resize of a network, which has no size")
	}
}

// twice is a class of twice the size of the provider's.
func (b *bench) twice(kind descriptors.ResourceType) descriptors.Class {
	class := b.provider.Classes[kind].WithDefaults()
	class.Size, class.Cores, class.Memory = 2*class.Size, 2*class.Cores, 2*class.Memory
	return class
}

func (b *bench) resize(id string, kind descriptors.ResourceType) error {
	return vendormodules.AbilitiesOf(b.module).Resizer.Resize(b.Context(), id, b.twice(kind))
}

// proveVolumeGrows returns the error with which the module refuses to make volumes larger, as it may.
func proveVolumeGrows(b *bench) error {
	const file, text = mount + "/kept", "kept-by-the-volume"
	dataToo := b.creates(descriptors.Compute) && b.showsFiles()
	request := b.request(descriptors.Volume)
	volume, scripts := b.start(request), b.provider.Scripts
	with := func(class descriptors.Class) vendormodules.Request {
		machine := b.request(descriptors.Compute)
		machine.Class, machine.Volumes = class, []vendormodules.VolumeMount{{Volume: volume.ID, Mount: mount}}
		return machine
	}
	if dataToo {
		b.runs(with(scripts.Write(b.provider.Classes[descriptors.Compute], file, text)), text)
	} else {
		b.Log("not proved: that a volume keeps its data when it grows, for want of machines, scripts or a console")
	}
	b.proveResizeRefused(volume)
	for _, when := range []string{"first", "repeated"} {
		if err := b.resize(volume.ID, volume.Type); err != nil {
			b.remove(volume.ID)
			return fmt.Errorf("%s: %w", when, err)
		}
	}
	larger := b.twice(volume.Type).Size
	b.sized(volume, larger)
	bears(b, "Get after Resize", b.until(volume.ID, vendormodules.ResourceRunning), request)
	smaller := vendormodules.AbilitiesOf(b.module).Resizer.Resize(b.Context(), volume.ID, request.Class)
	b.wants(smaller, vendormodules.ErrUnsupported, "Resize of a volume to a smaller one")
	b.crash()
	b.lists(volume.ID)
	b.sized(volume, larger)
	if dataToo {
		b.runs(with(scripts.Show(b.provider.Classes[descriptors.Compute], file)), text)
	}
	b.remove(volume.ID)
	return nil
}

// sized waits until a volume is shown to have a size, if the module shows any.
func (b *bench) sized(volume vendormodules.Resource, size fmt.Stringer) {
	b.Helper()
	if volume.Size == 0 {
		b.Log("not proved: that a volume has its new size, which the module does not show")
		return
	}
	Eventually(b, b.provider.wait(), "a volume has its new size", func() error {
		shown, err := b.module.Get(b.Context(), volume.ID)
		if err == nil && shown.Size.String() != size.String() {
			err = fmt.Errorf("Get shows the size %s and should show %s", shown.Size, size)
		}
		return err
	})
}

// proveMachineGrows returns the error with which the module refuses to change machines, as it may.
func proveMachineGrows(b *bench) error {
	request := b.request(descriptors.Compute)
	machine := b.start(request)
	b.proveResizeRefused(machine)
	power, stopped := vendormodules.AbilitiesOf(b.module).Power, false
	for _, when := range []string{"first", "repeated"} {
		err := b.resize(machine.ID, machine.Type)
		if errors.Is(err, vendormodules.ErrConflict) && power != nil && !stopped {
			b.Logf("a machine is stopped first: %v", err)
			if err := power.Stop(b.Context(), machine.ID); err != nil {
				b.Fatalf("Stop: %v", err)
			}
			b.until(machine.ID, vendormodules.ResourceStopped)
			stopped, err = true, b.resize(machine.ID, machine.Type)
		}
		if err != nil {
			b.remove(machine.ID)
			return fmt.Errorf("%s: %w", when, err)
		}
	}
	if stopped {
		if err := power.Start(b.Context(), machine.ID); err != nil {
			b.Fatalf("Start: %v", err)
		}
	}
	b.sameMachine(request, machine, stopped)
	b.crash()
	b.lists(machine.ID)
	b.sameMachine(request, machine, stopped)
	b.remove(machine.ID)
	return nil
}

// sameMachine checks that a machine which was given twice its size has that, and is the one that it was. Clouds may give
// another public address to one that was stopped.
func (b *bench) sameMachine(request vendormodules.Request, before vendormodules.Resource, stopped bool) {
	b.Helper()
	after := b.until(before.ID, vendormodules.ResourceRunning)
	bears(b, "Get after Resize", after, request)
	kept := func(of vendormodules.Resource) (addresses []vendormodules.Address) {
		for _, address := range of.Addresses {
			if !stopped || !address.Public {
				addresses = append(addresses, address)
			}
		}
		return addresses
	}
	if !after.Created.Equal(before.Created) || !slices.Equal(kept(after), kept(before)) {
		b.Errorf("after Resize the machine is %+v, and was %+v", after, before)
	}
	if b.account.Machine == nil {
		b.Log("not proved: that a machine has its new size, as the provider has no other means to see it")
		return
	}
	wanted := b.twice(before.Type)
	Eventually(b, b.provider.wait(), "a machine has its new size", func() error {
		has := b.account.Machine(b.T, before.ID)
		if has.Cores < wanted.Cores || has.Memory < wanted.Memory {
			return fmt.Errorf("it has %d cores and %s, and should have %d and %s", has.Cores, has.Memory, wanted.Cores, wanted.Memory)
		}
		return nil
	})
}

// proveResizeRefused sees nothing resized that is not there, or by a caller that has gone.
func (b *bench) proveResizeRefused(of vendormodules.Resource) {
	b.Helper()
	b.wants(b.resize(unknownID, of.Type), vendormodules.ErrNotFound, "Resize of an unknown "+string(of.Type))
	err := vendormodules.AbilitiesOf(b.module).Resizer.Resize(cancelled(), of.ID, b.twice(of.Type))
	b.wants(err, context.Canceled, "Resize with a cancelled context")
}
