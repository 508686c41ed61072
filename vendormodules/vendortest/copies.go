package vendortest

import (
	"context"
	"errors"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// copying is an ability to make copies of one type of resources of another.
type copying struct {
	name      string
	of, makes descriptors.ResourceType
	// make is the call. It asks for the ability anew, as the module may have been opened again.
	make func(ctx context.Context, b *bench, request vendormodules.CopyRequest) (vendormodules.Resource, error)
	// origin makes a request one for a resource that is made of a copy.
	origin func(request *vendormodules.Request, copied string)
}

var snapshots = copying{
	name: "Snapshot", of: descriptors.Volume, makes: descriptors.Snapshot,
	make: func(ctx context.Context, b *bench, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
		return vendormodules.AbilitiesOf(b.module).Snapshotter.Snapshot(ctx, request)
	},
	origin: func(request *vendormodules.Request, copied string) { request.Snapshot = copied },
}

var images = copying{
	name: "Image", of: descriptors.Compute, makes: descriptors.Image,
	make: func(ctx context.Context, b *bench, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
		return vendormodules.AbilitiesOf(b.module).Imager.Image(ctx, request)
	},
	origin: func(request *vendormodules.Request, copied string) { request.Image = copied },
}

// request asks for a copy, with a key never used before.
func (c copying) request(b *bench, source string) vendormodules.CopyRequest {
	like := b.request(c.of)
	return vendormodules.CopyRequest{Key: like.Key, Name: string(c.makes) + "-1", Tags: like.Tags, Source: source}
}

// take makes a copy and waits until it is whole.
func (c copying) take(b *bench, request vendormodules.CopyRequest) vendormodules.Resource {
	b.Helper()
	made, err := c.make(b.Context(), b, request)
	if err != nil {
		b.Fatalf("%s of %s with key %s: %v", c.name, request.Source, request.Key, err)
	}
	return b.until(made.ID, vendormodules.ResourceRunning)
}

func proveSnapshot(b *bench) {
	proveCopy(b, snapshots)
	if !b.creates(descriptors.Compute) || !b.showsFiles() {
		b.Log("not proved: that a snapshot keeps what its volume held, for want of machines, scripts or a console")
		return
	}
	const file, first, later = mount + "/kept", "held-at-the-moment", "held-later"
	on := func(volume string, class descriptors.Class) vendormodules.Request {
		request := b.request(descriptors.Compute)
		request.Class, request.Volumes = class, []vendormodules.VolumeMount{{Volume: volume, Mount: mount}}
		return request
	}
	machine, scripts := b.provider.Classes[descriptors.Compute], b.provider.Scripts
	volume := b.start(b.request(descriptors.Volume))
	b.runs(on(volume.ID, scripts.Write(machine, file, first)), first) // a machine that is gone has written all it had to
	taken := snapshots.take(b, snapshots.request(b, volume.ID))
	b.runs(on(volume.ID, scripts.Write(machine, file, later)), later)
	b.remove(volume.ID)

	request := b.request(descriptors.Volume)
	request.Snapshot = taken.ID
	b.runs(on(b.start(request).ID, scripts.Show(machine, file)), first)
}

func proveImage(b *bench) {
	proveCopy(b, images)
	if !b.showsFiles() {
		b.Log("not proved: that an image keeps what its machine held, for want of scripts or a console")
		return
	}
	const file, text = "/vendortest-kept", "held-by-the-machine"
	request := b.request(descriptors.Compute)
	request.Class = b.provider.Scripts.Write(request.Class, file, text)
	machine := b.start(request)
	b.prints(machine.ID, text)
	if power := vendormodules.AbilitiesOf(b.module).Power; power != nil { // so that it has written all it had to
		if err := power.Stop(b.Context(), machine.ID); err != nil {
			b.Fatalf("Stop: %v", err)
		}
		b.until(machine.ID, vendormodules.ResourceStopped)
	}
	taken := images.take(b, images.request(b, machine.ID))
	b.remove(machine.ID)

	again := b.request(descriptors.Compute)
	again.Class, again.Image = b.provider.Scripts.Show(again.Class, file), taken.ID
	b.runs(again, text)
}

// showsFiles says whether what machines write and read can be proved.
func (b *bench) showsFiles() bool {
	scripts := b.provider.Scripts
	return scripts.Write != nil && scripts.Show != nil && vendormodules.AbilitiesOf(b.module).Console != nil
}

// runs lets a machine run until it has printed a line, and removes it.
func (b *bench) runs(request vendormodules.Request, line string) {
	b.Helper()
	machine := b.start(request)
	b.prints(machine.ID, line)
	b.remove(machine.ID)
}

// proveCopy follows a copy from its request to its end, which comes after its source's.
func proveCopy(b *bench, c copying) {
	c.proveQuote(b)
	source := b.start(b.request(c.of))
	c.proveRefusals(b, source.ID)
	request := c.request(b, source.ID)
	taken := c.take(b, request)
	c.bears(b, "Get", taken, request)
	for _, when := range []string{"again", "after a crash"} {
		repeated, err := c.make(b.Context(), b, request)
		if err != nil || repeated.ID != taken.ID {
			b.Errorf("%s of the same key %s makes %q (%v), the first made %s", c.name, when, repeated.ID, err, taken.ID)
		}
		b.crash()
		b.lists(source.ID, taken.ID)
	}
	for _, listed := range b.list() {
		if listed.ID == taken.ID {
			c.bears(b, "List", listed, request)
		}
	}

	b.remove(source.ID)
	b.lists(taken.ID)
	c.bears(b, "Get without its source", b.until(taken.ID, vendormodules.ResourceRunning), request)
	repeated, err := c.make(b.Context(), b, request)
	if err != nil || repeated.ID != taken.ID {
		b.Errorf("%s of the same key without its source makes %q (%v), the first made %s", c.name, repeated.ID, err, taken.ID)
	}
	another := b.request(c.of)
	c.origin(&another, taken.ID)
	made := b.start(another)
	bears(b, "Get of what is made of it", made, another)
	b.remove(made.ID)
	b.lists(taken.ID)

	b.remove(taken.ID)
	b.lists()
	gone := b.request(c.of)
	c.origin(&gone, taken.ID)
	_, err = b.module.Create(b.Context(), gone)
	b.wants(err, vendormodules.ErrNotFound, "Create of what is made of a copy that is gone")
	b.lists()
}

// proveQuote has copies priced, or refused as any class would be.
func (c copying) proveQuote(b *bench) {
	class := descriptors.Class{Type: c.makes, Size: b.provider.Classes[descriptors.Volume].Size}
	quote, err := b.module.Quote(b.Context(), class)
	var refusal sla.Refusal
	switch {
	case errors.As(err, &refusal):
		b.Logf("what a %s costs is not known: %s", c.makes, refusal.Message)
	case err != nil:
		b.Errorf("Quote %s: the error is %v, and should be an sla.Refusal", c.makes, err)
	case quote.Unit.PerHour.Micros <= 0 && class.Size > 0, negative(quote.Use):
		b.Errorf("Quote %s: the price is %q, for the use of %+v", c.makes, quote.Unit, quote.Use)
	}
}

func (c copying) proveRefusals(b *bench, source string) {
	_, err := c.make(b.Context(), b, c.request(b, unknownID))
	b.wants(err, vendormodules.ErrNotFound, c.name+" of an unknown id")
	_, err = c.make(cancelled(), b, c.request(b, source))
	b.wants(err, context.Canceled, c.name+" with a cancelled context")
	unknown := b.request(c.of)
	c.origin(&unknown, unknownID)
	_, err = b.module.Create(b.Context(), unknown)
	b.wants(err, vendormodules.ErrNotFound, "Create of what is made of an unknown copy")
	b.lists(source)
}

// bears checks that a copy is shown as it was asked for.
func (c copying) bears(b *bench, where string, made vendormodules.Resource, request vendormodules.CopyRequest) {
	b.Helper()
	like := vendormodules.Request{Key: request.Key, Name: request.Name, Tags: request.Tags}
	like.Class.Type = c.makes
	bears(b, where, made, like)
	if c.makes == descriptors.Snapshot && made.Size != 0 && made.Size < b.provider.Classes[descriptors.Volume].Size {
		b.Errorf("%s shows the size %s, which is less than its volume's", where, made.Size)
	}
}
