package libvirt

import (
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

// baseImage is what a machine's disk lies over.
type baseImage struct {
	path, format string
	size         quantity.Bytes
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
	var name string
	if request.Image != "" {
		_, read, err := m.locate(request.Image)
		if err != nil {
			return err
		}
		if read.kind != descriptors.Image {
			return fmt.Errorf("%s is no image: %w", request.Image, vendormodules.ErrNotFound)
		}
		found, err := where.volume(ctx, read)
		if err != nil {
			return err
		}
		name = found.volume.Name
	} else {
		direct, has, err := m.configuration.kernel(request.Class)
		if err != nil {
			return fmt.Errorf("%w: %w", err, vendormodules.ErrUnsupported)
		}
		if has {
			plan.kernel = direct
			return nil
		}
		images, err := where.images(ctx)
		if err != nil {
			return err
		}
		found, err := m.configuration.Resolve(request.Class, images)
		if err != nil {
			return fmt.Errorf("%w: %w", err, vendormodules.ErrUnsupported)
		}
		name = found.ID
	}
	base, err := where.base(ctx, name)
	if err != nil {
		return fmt.Errorf("image %s: %w", name, err)
	}
	plan.base, plan.rootSize = base, max(base.size, m.configuration.Disk)
	plan.root = path.Join(pool, rootName(plan.metadata.Key))
	return nil
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
	if found.Capacity != nil {
		base.size = quantity.Bytes(found.Capacity.Value)
	}
	return base, nil
}
