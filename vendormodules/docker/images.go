package docker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// plainName is how people call the image of a tag: without the registry of those that come from one, and without "latest".
func plainName(tag string) string {
	for _, registry := range []string{"docker.io/library/", "docker.io/", "localhost/"} { // as Podman writes them
		tag = strings.TrimPrefix(tag, registry)
	}
	return strings.TrimSuffix(tag, ":latest")
}

// resolve finds the image of a class, among those that some host has or may pull. The error is an sla.Refusal.
func (m *Module) resolve(class descriptors.Class, shelves []shelf) (catalogue.Image, error) {
	architecture := cmp.Or(class.Architecture, descriptors.DefaultArchitecture)
	return m.configuration.Images.Resolve(class, m.configuration.available(shelves, architecture))
}

// available are the images that hosts have, and those of the configuration that they may pull, which are taken to be there
// for the architecture.
func (c configuration) available(shelves []shelf, architecture string) []catalogue.Image {
	var images []catalogue.Image
	for _, one := range shelves {
		images = append(images, one.images...)
	}
	if !c.Pull {
		return images
	}
	for _, reference := range c.Aliases {
		if !slices.ContainsFunc(images, func(one catalogue.Image) bool { return one.Name == plainName(reference) }) {
			images = append(images, catalogue.Image{ID: reference, Name: plainName(reference), Architecture: architecture})
		}
	}
	return images
}

// supply makes sure that a host has the image of a machine, and returns what the host calls it.
func (m *Module) supply(ctx context.Context, at *host, request vendormodules.Request) (string, error) {
	if request.Image != "" {
		kind, _, err := parseID(request.Image)
		if err == nil && kind != descriptors.Image {
			err = fmt.Errorf("%s is no image: %w", request.Image, vendormodules.ErrInvalid)
		}
		return imageTag(request.Image), err
	}
	shelves, _, err := m.shelves.Get(ctx)
	if err != nil {
		return "", err
	}
	// Each engine has its own tags for one image.
	image, err := m.resolve(request.Class, shelves[slices.Index(m.hosts, at):][:1])
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, vendormodules.ErrUnsupported)
	}
	engine, err := at.connect(ctx)
	if err != nil {
		return "", err
	}
	_, err = engine.ImageInspect(ctx, image.ID)
	if err != nil && m.configuration.Pull && meaning(err) == vendormodules.ErrNotFound { //nolint:errorlint // a sentinel by itself
		err = m.pull(ctx, engine, image.ID)
		m.shelves.Forget()
	}
	return image.ID, failed(err, "image %s at %s", image.ID, at.Endpoint)
}

// pull fetches an image from its registry, by the credential that is stored for it if there is one.
func (m *Module) pull(ctx context.Context, engine *client.Client, reference string) error {
	var options client.ImagePullOptions
	credential, err := m.registryCredential(ctx)
	if err != nil {
		return err
	}
	if user := credential[fieldRegistryUser].Reveal(); user != "" {
		if options.RegistryAuth, err = authconfig.Encode(registry.AuthConfig{
			Username: user, Password: credential[fieldRegistryPassword].Reveal(),
		}); err != nil {
			return err
		}
	}
	pulled, err := engine.ImagePull(ctx, reference, options)
	if err != nil {
		return err
	}
	defer pulled.Close() // read to its end
	return pulled.Wait(ctx)
}

// registryCredential is the vendor's credential; an empty one if none is stored, for many registries want none.
func (m *Module) registryCredential(ctx context.Context) (services.Credential, error) {
	credential, err := m.credential(ctx, services.Scope{Vendor: m.environment.Vendor})
	if isNone(err) {
		return nil, nil
	}
	return credential, err
}

// imageTag is the tag of an image of the agency's own.
func imageTag(id string) string { return id + ":latest" }

// refused says whether a host cannot serve a class, for want of its image.
func (m *Module) refused(class descriptors.Class, of shelf) bool {
	_, err := m.resolve(class, []shelf{of})
	var refusal sla.Refusal
	return err != nil && asRefusal(err, &refusal)
}
