package vendortest

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// mount is where the suite's machines see their volume.
const mount = "/vendortest"

func provePower(b *bench) {
	power := vendormodules.AbilitiesOf(b.module).Power
	request := b.request(descriptors.Compute)
	machine := b.start(request)
	step := func(name string, err error, state vendormodules.ResourceState) {
		b.Helper()
		if err != nil {
			b.Fatalf("%s: %v", name, err)
		}
		bears(b, "Get after "+name, b.until(machine.ID, state), request)
	}
	step("Start of one that runs", power.Start(b.Context(), machine.ID), vendormodules.ResourceRunning)
	step("Stop", power.Stop(b.Context(), machine.ID), vendormodules.ResourceStopped)
	step("Stop of one that is stopped", power.Stop(b.Context(), machine.ID), vendormodules.ResourceStopped)
	b.lists(machine.ID)
	step("Start", power.Start(b.Context(), machine.ID), vendormodules.ResourceRunning)
	step("Reboot", power.Reboot(b.Context(), machine.ID), vendormodules.ResourceRunning)
	step("second Stop", power.Stop(b.Context(), machine.ID), vendormodules.ResourceStopped)
	b.remove(machine.ID)
}

// proveVolumes has a volume outlive the machine that it was made with, its data too.
func proveVolumes(b *bench) {
	const text = "kept-by-the-volume"
	file := mount + "/kept"
	scripts, console := b.provider.Scripts, vendormodules.AbilitiesOf(b.module).Console
	dataToo := scripts.Write != nil && scripts.Show != nil && console != nil
	if !dataToo {
		b.Log("not proved: that a volume keeps its data, for want of scripts or a console")
	}
	volume := b.start(b.request(descriptors.Volume))
	with := func() vendormodules.Request {
		request := b.request(descriptors.Compute)
		request.Volumes = []vendormodules.VolumeMount{{Volume: volume.ID, Mount: mount}}
		return request
	}

	writer, reader := with(), with()
	if dataToo {
		writer.Class = scripts.Write(writer.Class, file, text)
		reader.Class = scripts.Show(reader.Class, file)
	}
	for _, request := range []vendormodules.Request{writer, reader} {
		machine := b.start(request)
		if dataToo {
			b.prints(machine.ID, text)
		}
		b.wants(b.module.Delete(b.Context(), volume.ID), vendormodules.ErrConflict, "Delete of a volume that a machine has")
		b.until(volume.ID, vendormodules.ResourceRunning)
		b.remove(machine.ID)
		b.lists(volume.ID)
	}
	b.remove(volume.ID)
}

// prints waits until a machine's console shows a line.
func (b *bench) prints(machine, line string) {
	b.Helper()
	Eventually(b, b.provider.wait(), "the console shows what the machine prints", func() error {
		reader, err := vendormodules.AbilitiesOf(b.module).Console.Console(b.Context(), machine)
		if err != nil {
			return err
		}
		printed, err := io.ReadAll(reader)
		if err = errors.Join(err, reader.Close()); err != nil {
			return err
		}
		for shown := range strings.Lines(string(printed)) {
			if strings.TrimSpace(shown) == line {
				return nil
			}
		}
		return fmt.Errorf("the console shows %q and should have a line %q", printed, line)
	})
}

func proveConsole(b *bench) {
	const text = "printed-by-the-machine"
	request := b.request(descriptors.Compute)
	if b.provider.Scripts.Print == nil {
		b.Fatal("the module has consoles, and the provider has no script that prints")
	}
	request.Class = b.provider.Scripts.Print(request.Class, text)
	b.prints(b.start(request).ID, text)
}

func proveAttach(b *bench) {
	attacher := vendormodules.AbilitiesOf(b.module).Attacher
	machine := b.start(b.request(descriptors.Compute))
	volume := b.start(b.request(descriptors.Volume))
	for _, when := range []string{"first", "repeated"} {
		if err := attacher.Attach(b.Context(), volume.ID, machine.ID, mount); err != nil {
			b.Errorf("%s Attach: %v", when, err)
		}
	}
	b.wants(b.module.Delete(b.Context(), volume.ID), vendormodules.ErrConflict, "Delete of an attached volume")
	for _, when := range []string{"first", "repeated"} {
		if err := attacher.Detach(b.Context(), volume.ID, machine.ID); err != nil {
			b.Errorf("%s Detach: %v", when, err)
		}
	}
	attach := func(volume, machine string) error { return attacher.Attach(b.Context(), volume, machine, mount) }
	b.wants(attach(volume.ID, unknownID), vendormodules.ErrNotFound, "Attach to an unknown machine")
	b.wants(attach(unknownID, machine.ID), vendormodules.ErrNotFound, "Attach of an unknown volume")
	b.wants(attacher.Attach(cancelled(), volume.ID, machine.ID, mount), cancelled().Err(), "Attach with a cancelled context")
	b.remove(volume.ID)
	b.until(machine.ID, vendormodules.ResourceRunning)
}

// proveNetworks puts machines on a private network: each has an address of its own there, and a public one only if the
// module's description does not say that it has none.
func proveNetworks(b *bench) {
	private := b.request(descriptors.Network)
	private.Class.Private = true
	network := b.start(private)
	addresses := map[string]string{}
	for range 2 {
		request := b.request(descriptors.Compute)
		request.Networks = []string{network.ID}
		machine := b.start(request)
		request.Class.Networks = descriptors.Names{network.ID}
		hidden := !sla.Offer{Public: b.module.Describe().Public[descriptors.Compute]}.MayBePublic(
			map[string]descriptors.Class{network.ID: private.Class, machine.ID: request.Class}, machine.ID)
		on := ""
		for _, address := range machine.Addresses {
			if address.Public && hidden {
				b.Errorf("%s has the public address %s, and by the description it has none", machine.ID, address.Address)
			}
			if address.Network == network.ID {
				on = address.Address
			}
		}
		if on == "" {
			b.Errorf("%s has no address on network %s: %+v", machine.ID, network.ID, machine.Addresses)
		}
		if other, taken := addresses[on]; taken {
			b.Errorf("%s and %s share the address %s on network %s", other, machine.ID, on, network.ID)
		}
		addresses[on] = machine.ID
	}
}

func proveMeasure(b *bench) {
	meter := vendormodules.AbilitiesOf(b.module).Meter
	machine := b.start(b.request(b.main()))
	var measured []sla.Measurement
	Eventually(b, b.provider.wait(), "there are measurements", func() (err error) {
		measured, err = meter.Measure(b.Context(), machine.ID)
		if err == nil && len(measured) == 0 {
			err = errors.New("there are none")
		}
		return err
	})
	seen := map[string]bool{}
	for _, measurement := range measured {
		if measurement.Metric == "" || seen[measurement.Metric] {
			b.Errorf("metric %q is without a name, or there twice", measurement.Metric)
		}
		seen[measurement.Metric] = true
		if math.IsNaN(measurement.Value) || math.IsInf(measurement.Value, 0) || measurement.Value < 0 {
			b.Errorf("%s is %v, which is no measure", measurement.Metric, measurement.Value)
		}
		if measurement.At.IsZero() {
			b.Errorf("%s was measured at no time", measurement.Metric)
		}
	}
}
