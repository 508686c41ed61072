package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// A volume is copied by two containers that never run: the archive of what one sees goes into what the other sees. As long
// as a third is there, the copy is not complete. All three are named after the copy, so that none is made twice, nor left
// behind where the answer to its making was lost.

// labelCopying names, on such a container, the volume that is being filled.
const labelCopying = "agency.copying"

// What is behind the name of a volume in those of the containers that it is filled by.
const (
	copyingSuffix = "-copying"
	readerSuffix  = "-reader"
	writerSuffix  = "-writer"
)

// hands is the image of containers that never run: it has a directory to mount at, and nothing else.
const (
	hands     = "agency-hands:latest"
	handsPath = "/data"
)

// copies are the volumes that this module fills just now, by name.
type copies struct {
	mutex sync.Mutex
	going map[string]bool
}

// begin says whether nobody fills the volume; if so, the caller does until end.
func (c *copies) begin(name string) (end func(), began bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.going[name] {
		return nil, false
	}
	if c.going == nil {
		c.going = map[string]bool{}
	}
	c.going[name] = true
	return func() {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		delete(c.going, name)
	}, true
}

// markCopy notes at the engine that a volume is going to be filled.
func (h *host) markCopy(ctx context.Context, engine *client.Client, volume string) error {
	return hand(ctx, engine, volume+copyingSuffix, map[string]string{labelCopying: volume}, "")
}

// unmarkCopy notes that it is filled, or gone.
func (h *host) unmarkCopy(ctx context.Context, engine *client.Client, volume string) error {
	return drop(ctx, engine, volume+copyingSuffix)
}

// markCopies shows those of the volumes that are not filled yet as being created.
func (h *host) markCopies(ctx context.Context, engine *client.Client, volumes []found) error {
	if len(volumes) == 0 {
		return nil
	}
	marks, err := engine.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: client.Filters{}.Add("label", labelCopying),
	})
	if err != nil {
		return failed(err, "list the copies at %s", h.Endpoint)
	}
	for _, mark := range marks.Items {
		for index := range volumes {
			if volumes[index].ID == mark.Labels[labelCopying] {
				volumes[index].State = vendormodules.ResourceCreating
			}
		}
	}
	return nil
}

// finishVolume fills a volume that begins with a snapshot.
func (m *Module) finishVolume(ctx context.Context, one found, request vendormodules.Request) error {
	if request.Snapshot == "" || one.State != vendormodules.ResourceCreating {
		return nil
	}
	return m.fill(ctx, one, request.Snapshot)
}

// fill copies one volume into another at the same host, unless that is going on already.
func (m *Module) fill(ctx context.Context, into found, from string) error {
	end, began := m.copies.begin(into.ID)
	if !began {
		return nil
	}
	defer end()
	source, err := m.locate(ctx, from)
	if err == nil && source.at != into.at {
		err = fmt.Errorf("%s is at another host: %w", from, vendormodules.ErrConflict)
	}
	if err != nil {
		return err
	}
	engine, err := into.at.connect(ctx)
	if err != nil {
		return err
	}
	if err := pour(ctx, engine, into.ID, from); err != nil {
		return err
	}
	return into.at.unmarkCopy(ctx, engine, into.ID)
}

// pour copies what one volume holds into another. Without an error, nothing holds on to either any more.
func pour(ctx context.Context, engine *client.Client, into, from string) (err error) {
	defer func() { err = errors.Join(err, letGo(ctx, engine, into)) }()
	if err := hand(ctx, engine, into+readerSuffix, nil, from); err != nil {
		return err
	}
	if err := hand(ctx, engine, into+writerSuffix, nil, into); err != nil {
		return err
	}
	// From what is in the one mount to the other itself: Podman sees a volume only where a path begins at it.
	copied, err := engine.CopyFromContainer(ctx, into+readerSuffix, client.CopyFromContainerOptions{SourcePath: handsPath + "/."})
	if err != nil {
		return err
	}
	_, err = engine.CopyToContainer(ctx, into+writerSuffix, client.CopyToContainerOptions{
		DestinationPath: handsPath, Content: copied.Content,
	})
	return errors.Join(err, copied.Content.Close())
}

// letGo takes away what fills a volume, also after the context has ended.
func letGo(ctx context.Context, engine *client.Client, volume string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
	defer cancel()
	return errors.Join(drop(ctx, engine, volume+readerSuffix), drop(ctx, engine, volume+writerSuffix))
}

// hand makes a container that never runs, with a volume where there is one to be mounted. It may be there already.
func hand(ctx context.Context, engine *client.Client, name string, labels map[string]string, volume string) error {
	if err := makeHands(ctx, engine); err != nil {
		return err
	}
	settings := &container.HostConfig{NetworkMode: "none"}
	if volume != "" {
		settings.Mounts = []mount.Mount{{
			Type: mount.TypeVolume, Source: volume, Target: handsPath, VolumeOptions: &mount.VolumeOptions{NoCopy: true},
		}}
	}
	_, err := engine.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: name, HostConfig: settings,
		Config: &container.Config{Image: hands, Cmd: []string{"never"}, Labels: labels},
	})
	if errors.Is(mapped(err), vendormodules.ErrConflict) {
		return nil // a repeat
	}
	return err
}

// drop takes such a container away. It may be gone already.
func drop(ctx context.Context, engine *client.Client, name string) error {
	_, err := engine.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true})
	if errors.Is(mapped(err), vendormodules.ErrNotFound) {
		return nil
	}
	return err
}

// makeHands makes the image of such containers, once.
func makeHands(ctx context.Context, engine *client.Client) error {
	_, err := engine.ImageInspect(ctx, hands)
	if !errors.Is(mapped(err), vendormodules.ErrNotFound) || err == nil {
		return err
	}
	return importImage(ctx, engine, hands, nil, func(into io.Writer) error { return pack(into, entry{name: handsPath[1:], directory: true}) })
}

// Snapshot implements vendormodules.Snapshotter: a snapshot is a volume that was copied from another. What a machine
// writes meanwhile may be in it or not.
func (m *Module) Snapshot(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	if err := m.begin(ctx); err != nil {
		return vendormodules.Resource{}, err
	}
	resource, err := m.snapshot(ctx, request)
	return resource, failed(err, "keep volume %s as %s", request.Source, request.Key)
}

func (m *Module) snapshot(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	if !validKey.MatchString(request.Key) {
		return vendormodules.Resource{}, fmt.Errorf("key %q: %w", request.Key, vendormodules.ErrInvalid)
	}
	text := id(descriptors.Snapshot, request.Key)
	there, err := m.locate(ctx, text)
	if errors.Is(err, vendormodules.ErrNotFound) {
		there, err = m.beginSnapshot(ctx, text, request)
	}
	if err == nil && there.State == vendormodules.ResourceCreating {
		err = m.fill(ctx, there, request.Source)
	}
	if err != nil {
		return vendormodules.Resource{}, err
	}
	there, err = m.locate(ctx, text)
	return there.Resource, err
}

func (m *Module) beginSnapshot(ctx context.Context, text string, request vendormodules.CopyRequest) (found, error) {
	source, err := m.locate(ctx, request.Source)
	if err == nil && source.Type != descriptors.Volume {
		err = fmt.Errorf("%s is a %s: %w", request.Source, source.Type, vendormodules.ErrInvalid)
	}
	if err != nil {
		return found{}, err
	}
	engine, err := source.at.connect(ctx)
	if err != nil {
		return found{}, err
	}
	if err := source.at.markCopy(ctx, engine, text); err != nil {
		return found{}, err
	}
	marks := labels(descriptors.Snapshot, request.Key, request.Name, request.Tags)
	marks[labelSize] = source.labels[labelSize]
	if _, err := engine.VolumeCreate(ctx, client.VolumeCreateOptions{Name: text, Labels: marks}); err != nil {
		return found{}, err
	}
	return m.locate(ctx, text)
}
