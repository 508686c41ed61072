package decorators

import (
	"context"
	"io"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Abilities implements vendormodules.Wrapper: those of the module inside, each surrounded as the contract is.
func (l *layer) Abilities() vendormodules.Abilities {
	inside := vendormodules.AbilitiesOf(l.Module)
	var abilities vendormodules.Abilities
	if inside.Power != nil {
		abilities.Power = power{l, inside.Power}
	}
	if inside.Attacher != nil {
		abilities.Attacher = attacher{l, inside.Attacher}
	}
	if inside.Balancer != nil {
		abilities.Balancer = balancer{l, inside.Balancer}
	}
	if inside.Meter != nil {
		abilities.Meter = meter{l, inside.Meter}
	}
	if inside.Console != nil {
		abilities.Console = console{l, inside.Console}
	}
	if inside.Executor != nil {
		abilities.Executor = executor{l, inside.Executor}
	}
	if inside.Files != nil {
		abilities.Files = files{l, inside.Files}
	}
	if inside.Snapshotter != nil {
		abilities.Snapshotter = snapshotter{l, inside.Snapshotter}
	}
	if inside.Imager != nil {
		abilities.Imager = imager{l, inside.Imager}
	}
	if inside.Resizer != nil {
		abilities.Resizer = resizer{l, inside.Resizer}
	}
	if inside.Catalogue != nil {
		abilities.Catalogue = catalogue{l, inside.Catalogue}
	}
	if inside.Credentials != nil {
		abilities.Credentials = credentialChecker{l, inside.Credentials}
	}
	return abilities
}

type power struct {
	layer  *layer
	inside vendormodules.Power
}

func (p power) Start(ctx context.Context, id string) error {
	return p.layer.surround(ctx, call{operation: Start, subject: id},
		func(ctx context.Context) error { return p.inside.Start(ctx, id) })
}

func (p power) Stop(ctx context.Context, id string) error {
	return p.layer.surround(ctx, call{operation: Stop, subject: id},
		func(ctx context.Context) error { return p.inside.Stop(ctx, id) })
}

// Reboot is the one call whose repeat is felt: the machine would go down twice.
func (p power) Reboot(ctx context.Context, id string) error {
	return p.layer.surround(ctx, call{operation: Reboot, subject: id, unrepeatable: true},
		func(ctx context.Context) error { return p.inside.Reboot(ctx, id) })
}

type attacher struct {
	layer  *layer
	inside vendormodules.Attacher
}

func (a attacher) Attach(ctx context.Context, volume, machine, mount string) error {
	return a.layer.surround(ctx, call{operation: Attach, subject: volume},
		func(ctx context.Context) error { return a.inside.Attach(ctx, volume, machine, mount) })
}

func (a attacher) Detach(ctx context.Context, volume, machine string) error {
	return a.layer.surround(ctx, call{operation: Detach, subject: volume},
		func(ctx context.Context) error { return a.inside.Detach(ctx, volume, machine) })
}

type balancer struct {
	layer  *layer
	inside vendormodules.Balancer
}

func (b balancer) SetTargets(ctx context.Context, id string, targets []vendormodules.Target) error {
	return b.layer.surround(ctx, call{operation: SetTargets, subject: id},
		func(ctx context.Context) error { return b.inside.SetTargets(ctx, id, targets) })
}

type meter struct {
	layer  *layer
	inside vendormodules.Meter
}

func (m meter) Measure(ctx context.Context, id string) ([]sla.Measurement, error) {
	return value(ctx, m.layer, call{operation: Meter, subject: id},
		func(ctx context.Context) ([]sla.Measurement, error) { return m.inside.Measure(ctx, id) })
}

type console struct {
	layer  *layer
	inside vendormodules.Console
}

// Console surrounds the opening; what the reader does afterwards is the caller's affair.
func (c console) Console(ctx context.Context, id string) (io.ReadCloser, error) {
	return value(ctx, c.layer, call{operation: Console, subject: id},
		func(ctx context.Context) (io.ReadCloser, error) { return c.inside.Console(ctx, id) })
}

type executor struct {
	layer  *layer
	inside vendormodules.Executor
}

// Execute is never repeated: what a command does is nobody's business here.
func (e executor) Execute(
	ctx context.Context, id string, command vendormodules.Command, stdout, stderr io.Writer,
) (int, error) {
	return value(ctx, e.layer, call{operation: Execute, subject: id, unrepeatable: true, long: true},
		func(ctx context.Context) (int, error) { return e.inside.Execute(ctx, id, command, stdout, stderr) })
}

type files struct {
	layer  *layer
	inside vendormodules.Files
}

// ReadFiles surrounds the opening; what the reader does afterwards is the caller's affair.
func (f files) ReadFiles(ctx context.Context, id, path string) (io.ReadCloser, error) {
	return value(ctx, f.layer, call{operation: ReadFiles, subject: id},
		func(ctx context.Context) (io.ReadCloser, error) { return f.inside.ReadFiles(ctx, id, path) })
}

// WriteFiles cannot be repeated: the archive has been read.
func (f files) WriteFiles(ctx context.Context, id string, archive io.Reader) error {
	return f.layer.surround(ctx, call{operation: WriteFiles, subject: id, unrepeatable: true, long: true},
		func(ctx context.Context) error { return f.inside.WriteFiles(ctx, id, archive) })
}

type snapshotter struct {
	layer  *layer
	inside vendormodules.Snapshotter
}

func (s snapshotter) Snapshot(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	return value(ctx, s.layer, s.layer.creating(Snapshot, request.Key),
		func(ctx context.Context) (vendormodules.Resource, error) { return s.inside.Snapshot(ctx, request) })
}

type imager struct {
	layer  *layer
	inside vendormodules.Imager
}

func (i imager) Image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	return value(ctx, i.layer, i.layer.creating(Image, request.Key),
		func(ctx context.Context) (vendormodules.Resource, error) { return i.inside.Image(ctx, request) })
}

type resizer struct {
	layer  *layer
	inside vendormodules.Resizer
}

func (r resizer) Resize(ctx context.Context, id string, class descriptors.Class) error {
	return r.layer.surround(ctx, call{operation: Resize, subject: id},
		func(ctx context.Context) error { return r.inside.Resize(ctx, id, class) })
}

type catalogue struct {
	layer  *layer
	inside vendormodules.Catalogue
}

func (c catalogue) Flavors(ctx context.Context) ([]vendormodules.Flavor, error) {
	return value(ctx, c.layer, call{operation: Flavors}, c.inside.Flavors)
}

func (c catalogue) Images(ctx context.Context) ([]vendormodules.Image, error) {
	return value(ctx, c.layer, call{operation: Images}, c.inside.Images)
}

type credentialChecker struct {
	layer  *layer
	inside vendormodules.CredentialChecker
}

func (c credentialChecker) CheckCredential(ctx context.Context, scope services.Scope) error {
	return c.layer.surround(ctx, call{operation: CheckCredential, subject: scope.String()},
		func(ctx context.Context) error { return c.inside.CheckCredential(ctx, scope) })
}
