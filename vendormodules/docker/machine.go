package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/docker/script"
)

// stopSeconds is how long a machine's processes may take to end before they are killed.
const stopSeconds = 10

// beginMachine makes the container of a machine. It does not run yet.
func (m *Module) beginMachine(
	ctx context.Context, at *host, engine *client.Client, request vendormodules.Request, marks map[string]string,
) error {
	if err := checkMounts(request.Volumes); err != nil {
		return err
	}
	image, err := m.supply(ctx, at, request)
	if err != nil {
		return err
	}
	inspected, err := engine.ImageInspect(ctx, image)
	if err != nil {
		return failed(err, "image %s", image)
	}
	class := request.Class.WithDefaults()
	addresses, err := grant(ctx, at, engine, request.Networks)
	if err != nil {
		return err
	}
	marks[labelCores], marks[labelMemory] = strconv.Itoa(class.Cores), strconv.FormatInt(int64(class.Memory), 10)
	config := &container.Config{Image: image, Labels: marks, Hostname: hostname(request.Name), StopTimeout: new(int)}
	*config.StopTimeout = stopSeconds
	runsItself := inspected.Config != nil && len(inspected.Config.Entrypoint)+len(inspected.Config.Cmd) > 0
	if len(class.Run) == 0 && runsItself {
		marks[labelRuns] = runsImage
		config.Env = script.Variables(about(request, addresses))
	} else {
		marks[labelRuns] = runsCommands
		config.Entrypoint, config.Cmd = script.Entrypoint(), nil
		config.Volumes = map[string]struct{}{script.Directory: {}} // of its own, so that no image is made of it
	}
	settings := &container.HostConfig{Resources: limits(class)}
	for _, one := range request.Volumes {
		settings.Mounts = append(settings.Mounts, mount.Mount{
			Type: mount.TypeVolume, Source: one.Volume, Target: path.Clean(one.Mount),
			VolumeOptions: &mount.VolumeOptions{NoCopy: true},
		})
	}
	at.publish(config, settings, class.Ports)
	return createContainer(ctx, engine, id(descriptors.Compute, request.Key), config, settings, addresses)
}

// createContainer makes a container that is started again whenever it ends or its host starts, until it is stopped.
func createContainer(
	ctx context.Context, engine *client.Client, name string, config *container.Config, settings *container.HostConfig,
	addresses []address,
) error {
	settings.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyUnlessStopped}
	options := client.ContainerCreateOptions{Name: name, Config: config, HostConfig: settings}
	if len(addresses) > 0 {
		text, err := json.Marshal(addresses)
		if err != nil {
			return err
		}
		config.Labels[labelAddresses] = string(text)
		if config.Labels[labelType] == string(descriptors.Compute) {
			settings.NetworkMode = container.NetworkMode(addresses[0].Network)
			options.NetworkingConfig = &network.NetworkingConfig{
				EndpointsConfig: map[string]*network.EndpointSettings{addresses[0].Network: endpoint(addresses[0])},
			}
		}
	}
	_, err := engine.ContainerCreate(ctx, options)
	return err
}

// limits are what a machine may use.
func limits(class descriptors.Class) container.Resources {
	class = class.WithDefaults()
	return container.Resources{
		NanoCPUs: int64(class.Cores) * 1_000_000_000, Memory: int64(class.Memory), MemorySwap: int64(class.Memory),
	}
}

// publish opens ports of a container at the host's own address, where it has one for that.
func (h *host) publish(config *container.Config, settings *container.HostConfig, ports []int) {
	if !h.Publish.IsValid() {
		return
	}
	config.ExposedPorts, settings.PortBindings = network.PortSet{}, network.PortMap{}
	for _, number := range ports {
		port, err := network.ParsePort(strconv.Itoa(number) + "/tcp")
		if err != nil {
			continue // no number of a port; descriptors have none such
		}
		config.ExposedPorts[port] = struct{}{}
		settings.PortBindings[port] = []network.PortBinding{{HostIP: h.Publish, HostPort: strconv.Itoa(number)}}
	}
}

// finishMachine brings a machine that has never run to run. Each step may find its work done.
func (m *Module) finishMachine(ctx context.Context, one found, request vendormodules.Request) error {
	if one.state != container.StateCreated {
		return nil
	}
	engine, err := one.at.connect(ctx)
	if err != nil {
		return err
	}
	if err := join(ctx, engine, one); err != nil {
		return err
	}
	content, err := script.Archive(about(request, addressesOf(one.labels)))
	if err != nil {
		return fmt.Errorf("%w: %w", err, vendormodules.ErrInvalid)
	}
	if err := put(ctx, engine, one.ID, content); err != nil {
		return err
	}
	if request.Files != "" {
		if err := putFile(ctx, engine, one.ID, request.Files); err != nil {
			return err
		}
	}
	_, err = engine.ContainerStart(ctx, one.ID, client.ContainerStartOptions{})
	if err = mapped(err); errors.Is(err, vendormodules.ErrInvalid) { // a repeat would fail as well
		err = errors.Join(err, remove(ctx, engine, one))
	}
	return err
}

// about is what a machine is told.
func about(request vendormodules.Request, addresses []address) script.Machine {
	told := script.Machine{
		Name: request.Name, Hostname: hostname(request.Name), Run: request.Class.Run, Environment: request.Class.Environment,
		UserData: request.Class.UserData, Keys: request.Class.Keys,
	}
	for _, one := range addresses {
		told.Networks = append(told.Networks, script.Network{Name: one.Name, Address: one.Address.Address})
	}
	return told
}

func putFile(ctx context.Context, engine *client.Client, container, file string) error {
	opened, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	defer opened.Close() // only read
	return put(ctx, engine, container, opened)
}

// hostname makes a name one of a host.
func hostname(name string) string {
	cleaned := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, name)
	return strings.Trim(cleaned[:min(len(cleaned), 63)], "-")
}

// checkMounts refuses mounts that a machine cannot have.
func checkMounts(mounts []vendormodules.VolumeMount) error {
	for index, one := range mounts {
		cleaned := path.Clean(one.Mount)
		if !path.IsAbs(one.Mount) || cleaned == "/" || cleaned == script.Directory {
			return fmt.Errorf("a volume cannot be mounted at %q: %w", one.Mount, vendormodules.ErrInvalid)
		}
		same := func(other vendormodules.VolumeMount) bool {
			return path.Clean(other.Mount) == cleaned || other.Volume == one.Volume
		}
		if slices.ContainsFunc(mounts[:index], same) {
			return fmt.Errorf("volume %s and another get into each other's way at %s: %w", one.Volume, cleaned, vendormodules.ErrInvalid)
		}
	}
	return nil
}
