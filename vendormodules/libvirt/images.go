package libvirt

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// baseImage is what a machine's disk lies over. It may itself lie over another, by its path.
type baseImage struct {
	path, format, under string
	size                quantity.Bytes
}

// imageSuffixes are those of files that are disks.
var imageSuffixes = []string{".qcow2", ".img", ".raw"}

// images are the storage volumes of a host that nobody of ours made, and that are disks by their names.
func (h *host) images(ctx context.Context) ([]catalogue.Image, error) {
	volumes, err := h.volumes(ctx)
	if err != nil {
		return nil, err
	}
	var images []catalogue.Image
	for _, one := range volumes {
		if strings.Contains(one.volume.Name, partSeparator) {
			continue
		}
		for _, suffix := range imageSuffixes {
			if name, is := strings.CutSuffix(one.volume.Name, suffix); is {
				images = append(images, catalogue.Image{ID: one.volume.Name, Name: name})
			}
		}
	}
	return images, nil
}

// planImage finds what a machine begins with: a kernel, an image that was made of a machine, or one of the pool.
func (m *Module) planImage(ctx context.Context, where *host, request vendormodules.Request, pool string, plan *blueprintFor) error {
	direct, hasKernel, err := m.configuration.kernel(request.Class)
	if err != nil {
		return fmt.Errorf("%w: %w", err, vendormodules.ErrUnsupported)
	}
	plan.kernel = direct
	name := direct.Disk
	switch {
	case request.Image != "":
		name, err = m.ownImage(ctx, where, request.Image)
	case hasKernel && name == "":
		return nil
	default:
		name, err = m.poolImage(ctx, where, request.Class, name)
	}
	if err != nil {
		return err
	}
	base, err := where.base(ctx, name)
	if err != nil {
		return fmt.Errorf("image %s: %w", name, err)
	}
	plan.base, plan.rootSize = base, max(base.size, m.configuration.Disk)
	plan.root = path.Join(pool, rootName(plan.metadata.Key))
	return nil
}

// ownImage is the storage volume of an image that was made of a machine.
func (m *Module) ownImage(ctx context.Context, where *host, image string) (string, error) {
	_, read, err := m.locate(image)
	if err != nil {
		return "", err
	}
	if read.kind != descriptors.Image {
		return "", fmt.Errorf("%s is no image: %w", image, vendormodules.ErrNotFound)
	}
	found, err := where.volume(ctx, read)
	if err == nil && found.making {
		err = fmt.Errorf("image %s is not whole yet: %w", image, vendormodules.ErrConflict)
	}
	return found.volume.Name, err
}

// poolImage is the storage volume of an image that a name means, or a class if there is no name.
func (m *Module) poolImage(ctx context.Context, where *host, class descriptors.Class, name string) (string, error) {
	images, err := where.images(ctx)
	if err != nil {
		return "", err
	}
	class.Image = cmp.Or(name, class.Image)
	found, err := m.configuration.Resolve(class, images)
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, vendormodules.ErrUnsupported)
	}
	return found.ID, nil
}

// base is a storage volume as what another lies over.
func (h *host) base(ctx context.Context, name string) (baseImage, error) {
	var found libvirtxml.StorageVolume
	err := h.call(ctx, func(daemon *libvirt.Libvirt) error {
		pool, err := daemon.StoragePoolLookupByName(h.pool)
		if err != nil {
			return err
		}
		of, err := daemon.StorageVolLookupByName(pool, name)
		if err != nil {
			return err
		}
		text, err := daemon.StorageVolGetXMLDesc(of, 0)
		if err != nil {
			return err
		}
		return found.Unmarshal(text)
	})
	if err != nil {
		return baseImage{}, err
	}
	base := baseImage{format: "raw"}
	if found.Target != nil {
		base.path = found.Target.Path
		if found.Target.Format != nil {
			base.format = found.Target.Format.Type
		}
	}
	if found.BackingStore != nil {
		base.under = found.BackingStore.Path
	}
	if found.Capacity != nil {
		base.size = quantity.Bytes(found.Capacity.Value)
	}
	return base, nil
}
