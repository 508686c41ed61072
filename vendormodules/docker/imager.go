package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Image implements vendormodules.Imager: what the machine's files are, without its volumes and without the commands and
// the environment that the agency gave it. The machine stands still meanwhile.
func (m *Module) Image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	if err := m.begin(ctx); err != nil {
		return vendormodules.Resource{}, err
	}
	resource, err := m.image(ctx, request)
	return resource, failed(err, "make image %s of %s", request.Key, request.Source)
}

func (m *Module) image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	if !validKey.MatchString(request.Key) {
		return vendormodules.Resource{}, fmt.Errorf("key %q: %w", request.Key, vendormodules.ErrInvalid)
	}
	giveBack, err := take(ctx, m.placing)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	defer giveBack()
	text := id(descriptors.Image, request.Key)
	there, err := m.locate(ctx, text)
	if errors.Is(err, vendormodules.ErrNotFound) {
		if err = m.commit(ctx, text, request); err == nil {
			there, err = m.locate(ctx, text)
		}
	}
	return there.Resource, err
}

func (m *Module) commit(ctx context.Context, text string, request vendormodules.CopyRequest) error {
	source, err := m.locate(ctx, request.Source)
	if err == nil {
		err = source.steady(descriptors.Compute)
	}
	if err != nil {
		return err
	}
	engine, err := source.at.connect(ctx)
	if err != nil {
		return err
	}
	inspected, err := engine.ContainerInspect(ctx, source.ID, client.ContainerInspectOptions{})
	if err != nil {
		return err
	}
	changes, err := original(ctx, engine, inspected.Container)
	if err != nil {
		return err
	}
	marks := labels(descriptors.Image, request.Key, request.Name, request.Tags)
	for _, name := range []string{labelAddresses, labelCores, labelMemory, labelRuns, labelApart} {
		marks[name] = "" // of the machine, and not of its image
	}
	for _, name := range slices.Sorted(maps.Keys(marks)) {
		changes = append(changes, fmt.Sprintf("LABEL %s=%q", name, marks[name]))
	}
	_, err = engine.ContainerCommit(ctx, source.ID, client.ContainerCommitOptions{
		Reference: imageTag(text), Changes: changes, Config: &container.Config{}, // without which Podman reads no request
	})
	return err
}

// original are the changes that make an image run what the image of its machine runs.
func original(ctx context.Context, engine *client.Client, of container.InspectResponse) ([]string, error) {
	image, err := engine.ImageInspect(ctx, of.Image)
	if err != nil {
		return nil, err
	}
	var entrypoint, command []string
	var environment []string
	if config := image.Config; config != nil {
		entrypoint, command, environment = config.Entrypoint, config.Cmd, config.Env
	}
	changes := make([]string, 0, 2)
	for name, words := range map[string][]string{"ENTRYPOINT": entrypoint, "CMD": command} {
		text, err := json.Marshal(append([]string{}, words...))
		if err != nil {
			return nil, err
		}
		changes = append(changes, name+" "+string(text))
	}
	slices.Sort(changes)
	slices.Reverse(changes) // an entry point would take the command away
	if of.Config == nil {
		return changes, nil
	}
	for _, variable := range of.Config.Env { // what was added cannot be taken away, but said to be nothing
		if name, _, _ := strings.Cut(variable, "="); !slices.Contains(environment, variable) {
			changes = append(changes, "ENV "+name+"=")
		}
	}
	return changes, nil
}
