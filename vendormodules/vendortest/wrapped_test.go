package vendortest_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// The modules that are broken in one method, each put round the original.
type (
	original = *memory.Module
	changed  = vendormodules.Module

	powerless   struct{ *memory.Module }
	deaf        struct{ *memory.Module }
	unmeasured  struct{ *memory.Module }
	leaking     struct{ *memory.Module }
	clinging    struct{ *memory.Module }
	indifferent struct{ *memory.Module }
	fixed       struct{ *memory.Module }
	silent      struct{ *memory.Module }
	stuck       struct{ *memory.Module }
	trusting    struct{ *memory.Module }
	vague       struct{ *memory.Module }
	cheerful    struct{ *memory.Module }
	mute        struct{ *memory.Module }
	endless     struct{ *memory.Module }
	fleeting    struct{ *memory.Module }
	secretive   struct{ *memory.Module }
	impatient   struct{ *memory.Module }
	offended    struct{ *memory.Module }
	sold        struct{ *memory.Module }
	forgetting  struct{ *memory.Module }
	blank       struct{ *memory.Module }
	rigid       struct{ *memory.Module }
	shrinking   struct{ *memory.Module }
)

func (powerless) Stop(context.Context, string) error { return nil }

func (d deaf) Get(_ context.Context, id string) (vendormodules.Resource, error) {
	return d.Module.Get(context.Background(), id)
}

func (unmeasured) Measure(context.Context, string) ([]sla.Measurement, error) {
	return []sla.Measurement{{Metric: "uptime-seconds", Value: -1}}, nil
}

func (l leaking) Delete(ctx context.Context, id string) error {
	resource, err := l.Module.Get(ctx, id)
	if err != nil {
		return err
	}
	if resource.Type == descriptors.Compute {
		hidden := vendormodules.Request{Key: id, Class: descriptors.Class{Type: descriptors.Volume}}
		if _, err := l.Module.Create(ctx, hidden); err != nil {
			return err
		}
	}
	return l.Module.Delete(ctx, id)
}

func (c clinging) Detach(context.Context, string, string) error { return nil }

func (indifferent) Start(context.Context, string) error { return nil }

func (fixed) SetTargets(ctx context.Context, id string, targets []vendormodules.Target) error {
	return nil
}

func (silent) Console(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("")), nil
}

func (trusting) CheckCredential(ctx context.Context, _ services.Scope) error { return ctx.Err() }

func (stuck) List(ctx context.Context) ([]vendormodules.Resource, error) {
	return nil, errors.New("the second page is missing")
}

func (c cheerful) Execute(
	ctx context.Context, id string, command vendormodules.Command, stdout, stderr io.Writer,
) (int, error) {
	_, err := c.Module.Execute(ctx, id, command, stdout, stderr)
	return 0, err
}

func (m mute) Execute(
	ctx context.Context, id string, command vendormodules.Command, _, stderr io.Writer,
) (int, error) {
	return m.Module.Execute(ctx, id, command, io.Discard, stderr)
}

func (e endless) Execute(
	ctx context.Context, id string, command vendormodules.Command, stdout, stderr io.Writer,
) (int, error) {
	exit, err := e.Module.Execute(ctx, id, command, stdout, stderr)
	if errors.Is(err, context.DeadlineExceeded) {
		return exit, nil
	}
	return exit, err
}

func (f fleeting) WriteFiles(ctx context.Context, id string, _ io.Reader) error {
	_, err := f.Module.Get(ctx, id)
	return err
}

func (s secretive) ReadFiles(ctx context.Context, id, path string) (io.ReadCloser, error) {
	reader, err := s.Module.ReadFiles(ctx, id, path)
	if errors.Is(err, vendormodules.ErrNotFound) {
		return io.NopCloser(strings.NewReader("")), nil
	}
	return reader, err
}

func (i impatient) List(ctx context.Context) ([]vendormodules.Resource, error) {
	listed, err := i.Module.List(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("it takes too long")
	}
	return listed, err
}

func (o offended) List(ctx context.Context) ([]vendormodules.Resource, error) {
	listed, err := o.Module.List(ctx)
	if errors.Is(err, vendormodules.ErrTransient) {
		err = errors.New("it is broken")
	}
	return listed, err
}

// Snapshot keeps nothing of what the volume held.
func (f forgetting) Snapshot(
	ctx context.Context, request vendormodules.CopyRequest,
) (vendormodules.Resource, error) {
	if _, err := f.Module.Get(ctx, request.Source); err != nil {
		return f.Module.Snapshot(ctx, request)
	}
	empty, err := f.Module.Create(ctx, vendormodules.Request{Key: request.Key + "-source", Class: descriptors.Class{Type: descriptors.Volume}})
	if err != nil {
		return empty, err
	}
	request.Source = empty.ID
	made, err := f.Module.Snapshot(ctx, request)
	return made, errors.Join(err, f.Module.Delete(ctx, empty.ID))
}

// Image makes another image at every repeat.
func (b blank) Image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	made, err := b.Module.Image(ctx, request)
	if err != nil || made.State == vendormodules.ResourceCreating {
		return made, err
	}
	request.Key += "-again"
	return b.Module.Image(ctx, request)
}

func (s sold) Flavors(ctx context.Context) ([]vendormodules.Flavor, error) { return nil, ctx.Err() }

// Resize takes a request on and does nothing.
func (r rigid) Resize(ctx context.Context, id string, _ descriptors.Class) error {
	_, err := r.Module.Get(ctx, id)
	return err
}

func (s shrinking) Resize(ctx context.Context, id string, class descriptors.Class) error {
	resource, err := s.Module.Get(ctx, id)
	if err == nil && class.Size < resource.Size {
		return nil
	}
	return s.Module.Resize(ctx, id, class)
}

func (vague) Get(context.Context, string) (vendormodules.Resource, error) {
	return vendormodules.Resource{}, errors.New("something is wrong with it")
}

// hasty looks for a key and then makes what it did not find, however many others have looked meanwhile.
func hasty(_ *memory.Cloud, module *broken) {
	const callers = 4
	var looked sync.WaitGroup
	looked.Add(callers)
	next := counter()
	forgetful(module, func(key string) string {
		looked.Done()
		looked.Wait()
		return key + "#" + next()
	})
}

// abandoning makes a resource that it cannot find again when its caller gives up on it.
func abandoning(_ *memory.Cloud, module *broken) {
	var first sync.Once
	forgetful(module, func(key string) string { return key })
	remembering := module.create
	module.create = func(ctx context.Context, request vendormodules.Request) (resource vendormodules.Resource, err error) {
		err = errors.New("not the first")
		first.Do(func() {
			<-ctx.Done()
			request.Key += "#abandoned"
			if _, err = module.Module.Create(context.WithoutCancel(ctx), request); err == nil {
				err = ctx.Err()
			}
		})
		if errors.Is(err, context.Canceled) {
			return resource, err
		}
		return remembering(ctx, request)
	}
}
