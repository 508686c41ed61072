package openstack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
	agency "github.com/cloud-agency/agency/vendormodules/services"
)

// fetchImages lists what machines can be made of, the agency's own images too.
func (m *Module) fetchImages(ctx context.Context) ([]vendormodules.Image, error) {
	s, err := m.whole(ctx)
	if err != nil {
		return nil, err
	}
	if err := needs(s.image != nil, imageService); err != nil {
		return nil, err
	}
	all, err := findImages(ctx, s, images.ListOpts{Status: images.ImageStatusActive})
	if err != nil {
		return nil, err
	}
	listed := make([]vendormodules.Image, 0, len(all))
	for _, one := range all {
		listed = append(listed, entry(one))
	}
	slices.SortFunc(listed, func(a, b vendormodules.Image) int { return strings.Compare(a.Name, b.Name) })
	return listed, nil
}

// entry is an image as the catalogue has it. One of the agency's own is found by its id alone.
func entry(one images.Image) vendormodules.Image {
	return vendormodules.Image{
		ID: one.ID, Name: one.Name, Created: one.CreatedAt, Deprecated: one.Hidden || imageIdentity(one).Key != "",
		Architecture: catalogue.Architecture(property(one, "architecture")),
		MinDisk:      quantity.Bytes(one.MinDiskGigabytes) * quantity.GiB,
		MinMemory:    quantity.Bytes(one.MinRAMMegabytes) * quantity.MiB,
	}
}

// choose finds the image of a class, or that of the agency's own with an id.
func (m *Module) choose(ctx context.Context, s *session, class descriptors.Class, own string) (vendormodules.Image, error) {
	if own == "" {
		known, _, err := m.images.Get(ctx)
		if err != nil {
			return vendormodules.Image{}, err
		}
		return m.configuration.Resolve(class, known)
	}
	if err := needs(s.image != nil, imageService); err != nil {
		return vendormodules.Image{}, err
	}
	found, err := m.imageOf(ctx, s, own)
	if err != nil {
		return vendormodules.Image{}, fmt.Errorf("image %s: %w", own, translate(err))
	}
	return entry(found), nil
}

func property(one images.Image, name string) string {
	text, _ := one.Properties[name].(string)
	return text
}

func findImages(ctx context.Context, s *session, options images.ListOpts) ([]images.Image, error) {
	pages, err := allPages(ctx, images.List(s.image, options))
	if err != nil {
		return nil, err
	}
	return images.ExtractImages(pages)
}

// imageIdentity reads whose an image is. Nova hands a server's metadata on to an image of it, unless told otherwise.
func imageIdentity(one images.Image) identity {
	values := map[string]string{}
	for name := range one.Properties {
		values[name] = property(one, name)
	}
	return readMetadata(values)
}

// listImages lists the images that the agency made.
func (m *Module) listImages(ctx context.Context, s *session) ([]vendormodules.Resource, error) {
	all, err := findImages(ctx, s, images.ListOpts{Owner: s.project.ID, Visibility: images.ImageVisibilityPrivate})
	var own []vendormodules.Resource
	for _, one := range all {
		if m.ours(imageIdentity(one)) {
			own = append(own, imageResource(one))
		}
	}
	return own, err
}

// imageOf gets one of the agency's images.
func (m *Module) imageOf(ctx context.Context, s *session, id string) (images.Image, error) {
	found, err := images.Get(ctx, s.image, id).Extract()
	if err != nil {
		return images.Image{}, err
	}
	if !m.ours(imageIdentity(*found)) || found.Status == images.ImageStatusDeleted {
		return images.Image{}, vendormodules.ErrNotFound
	}
	return *found, nil
}

func (m *Module) showImage(ctx context.Context, s *session, id string) (vendormodules.Resource, error) {
	found, err := m.imageOf(ctx, s, id)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	return imageResource(found), nil
}

func imageResource(one images.Image) vendormodules.Resource {
	resource := imageIdentity(one).resource(one.ID)
	resource.Type, resource.Created, resource.Size = descriptors.Image, one.CreatedAt.UTC(), quantity.Bytes(one.SizeBytes)
	switch one.Status {
	case images.ImageStatusQueued, images.ImageStatusSaving, images.ImageStatusImporting:
		resource.State = vendormodules.ResourceCreating
	case images.ImageStatusKilled:
		resource.State, resource.Fault = vendormodules.ResourceError, "its content did not arrive at the cloud"
	case images.ImageStatusPendingDelete:
		resource.State = vendormodules.ResourceDeleting
	default:
		resource.State = vendormodules.ResourceRunning
	}
	return resource
}

func (m *Module) removeImage(ctx context.Context, s *session, id string) error {
	if _, err := m.imageOf(ctx, s, id); err != nil {
		return err
	}
	defer m.images.Forget()
	return images.Delete(ctx, s.image, id).ExtractErr()
}

// Image implements vendormodules.Imager.
func (m *Module) Image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	var made vendormodules.Resource
	scope := agency.Scope{Class: request.Tags.Class, Agreement: request.Tags.Agreement}
	err := m.do(ctx, scope, "make image "+request.Key+" of "+request.Source, func(s *session) (err error) {
		made, err = m.copyMachine(ctx, s, request)
		return err
	})
	if err != nil {
		return vendormodules.Resource{}, err
	}
	m.memory.keep(made)
	m.images.Forget()
	return made, nil
}

func (m *Module) copyMachine(ctx context.Context, s *session, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	if err := needs(s.image != nil, imageService); err != nil {
		return vendormodules.Resource{}, err
	}
	earlier, err := m.listImages(ctx, s)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	if index := slices.IndexFunc(earlier, func(one vendormodules.Resource) bool { return one.Key == request.Key }); index >= 0 {
		return earlier[index], nil
	}
	if _, err := m.server(ctx, s, request.Source); err != nil {
		return vendormodules.Resource{}, err
	}
	of := identity{Key: request.Key, Name: request.Name, Tags: request.Tags}
	id, err := servers.CreateImage(ctx, s.compute, request.Source, servers.CreateImageOpts{
		Name: request.Key, Metadata: of.metadata(),
	}).ExtractImageID()
	if err != nil {
		return vendormodules.Resource{}, err
	}
	resource := of.resource(id)
	resource.Type, resource.State, resource.Created = descriptors.Image, vendormodules.ResourceCreating, m.environment.Now().UTC()
	return resource, nil
}
