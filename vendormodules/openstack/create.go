package openstack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// createMachine makes a server and what belongs to it, the server last. What the cloud refuses leaves nothing behind. Where
// it is not known whether the cloud made the server, all stays: a repeat goes on from there, and List shows what is left.
func (m *Module) createMachine(ctx context.Context, s *session, request vendormodules.Request) (vendormodules.Resource, error) {
	earlier, found, err := m.serverOf(ctx, s, request.Key)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	if found {
		return m.showMachine(ctx, s, earlier.ID)
	}
	options, err := m.serverOptions(ctx, s, request)
	if err != nil {
		return vendormodules.Resource{}, err
	}
	var wired wiring
	if s.network != nil {
		wired, err = m.wire(ctx, s, request)
	}
	var made *servers.Server
	if err == nil {
		made, err = m.boot(ctx, s, request, options, wired)
	}
	if err != nil {
		if settled(translate(err)) {
			err = errors.Join(translate(err), m.undo(ctx, s, request))
		}
		return vendormodules.Resource{}, err
	}
	resource := identityOf(request).resource(made.ID)
	resource.Type, resource.State, resource.Created = descriptors.Compute, vendormodules.ResourceCreating, m.environment.Now().UTC()
	resource.Addresses = wired.addresses(func(string, string) bool { return true })
	if s.network == nil && len(request.Rules) > 0 {
		resource.Warnings = append(resource.Warnings, "the cloud has no network service, which would keep out whom no rule lets in")
	}
	return resource, nil
}

// undoWithin is how long the removal of what a refused create made may take.
const undoWithin = 20 * time.Second

// undo removes what a create made that the cloud refused in the end.
func (m *Module) undo(ctx context.Context, s *session, request vendormodules.Request) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	err := m.unwire(ctx, s, identityOf(request))
	if err == nil {
		err = m.sweepGroups(ctx, s)
	}
	if err != nil {
		return fmt.Errorf("undo what was made for it: %w", translate(err))
	}
	return nil
}

// serverOptions are what Nova is asked for, as far as that needs no other thing to be made first.
func (m *Module) serverOptions(ctx context.Context, s *session, request vendormodules.Request) (servers.CreateOpts, error) {
	flavor, image, err := m.fit(ctx, s, request.Class, request.Image)
	if err != nil {
		return servers.CreateOpts{}, err
	}
	options := servers.CreateOpts{
		Name: request.Key, FlavorRef: flavor.ID, ImageRef: image.ID, AvailabilityZone: m.configuration.Zone,
		Metadata: identityOf(request).metadata(), ConfigDrive: m.configuration.ConfigDrive,
	}
	if size := m.configuration.BootVolume; size > 0 {
		options.ImageRef = ""
		options.BlockDevice = []servers.BlockDevice{{
			SourceType: servers.SourceImage, DestinationType: servers.DestinationVolume, UUID: image.ID,
			VolumeSize: gibibytes(max(size, image.MinDisk)), DeleteOnTermination: true,
		}}
	}
	if len(request.Volumes) > 0 && m.configuration.BootVolume == 0 {
		// Once there is a list of devices, the disk that comes with the flavor must be on it.
		options.BlockDevice = []servers.BlockDevice{{
			SourceType: servers.SourceImage, DestinationType: servers.DestinationLocal, UUID: image.ID, DeleteOnTermination: true,
		}}
	}
	for _, mount := range request.Volumes {
		options.BlockDevice = append(options.BlockDevice, servers.BlockDevice{
			SourceType: servers.SourceVolume, DestinationType: servers.DestinationVolume, UUID: mount.Volume, BootIndex: -1,
		})
	}
	return options, nil
}

// boot asks for the server. Nova copies the key into it, so that the pair has served when the call returns.
func (m *Module) boot(
	ctx context.Context, s *session, request vendormodules.Request, options servers.CreateOpts, wired wiring,
) (*servers.Server, error) {
	data, err := m.userData(request, wired.joined, wired.ports)
	if err != nil {
		return nil, err
	}
	options.UserData = data
	var networks []servers.Network
	for _, port := range wired.ports {
		networks = append(networks, servers.Network{Port: port.ID})
	}
	if networks != nil {
		options.Networks = networks
	}
	hint, err := m.apart(ctx, s, request)
	if err != nil {
		return nil, err
	}
	if len(request.Class.Keys) == 0 {
		return servers.Create(ctx, s.compute, options, hint).Extract()
	}
	pair := keypairs.CreateOpts{Name: request.Key, PublicKey: request.Class.Keys[0]}
	if _, err := keypairs.Create(ctx, s.compute, pair).Extract(); err != nil && !errors.Is(translate(err), vendormodules.ErrConflict) {
		return nil, err
	}
	made, err := servers.Create(ctx, s.compute, keypairs.CreateOptsExt{CreateOptsBuilder: options, KeyName: request.Key}, hint).Extract()
	if failure := gone(keypairs.Delete(context.WithoutCancel(ctx), s.compute, request.Key, nil).ExtractErr()); err != nil {
		err = errors.Join(err, failure) // a pair that stays with a machine costs nothing, and goes with it
	}
	return made, err
}

// gibibytes is a size in the unit of Nova and Cinder, rounded up.
func gibibytes(size quantity.Bytes) int { return int((size + quantity.GiB - 1) / quantity.GiB) }
