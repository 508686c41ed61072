package openstack

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/volumeattach"

	"github.com/cloud-agency/agency/vendormodules"
	agency "github.com/cloud-agency/agency/vendormodules/services"
)

// Attach implements vendormodules.Attacher. It returns when the machine has the volume; where that sees it is up to the
// machine, for hypervisors do not keep the names of devices.
func (m *Module) Attach(ctx context.Context, volume, machine, _ string) error {
	return m.do(ctx, agency.Scope{}, "attach volume "+volume+" to "+machine, func(s *session) error {
		found, err := m.bothOf(ctx, s, volume, machine)
		if err != nil {
			return err
		}
		switch on := attachedTo(found); {
		case on != "" && on != machine:
			return fmt.Errorf("machine %s has it: %w", on, vendormodules.ErrConflict)
		case on == "":
			options := volumeattach.CreateOpts{VolumeID: volume}
			if _, err := volumeattach.Create(ctx, s.compute, machine, options).Extract(); err != nil {
				return err
			}
		}
		return m.untilVolume(ctx, s, volume, func(now volumes.Volume) bool {
			return now.Status == "in-use" && attachedTo(now) == machine
		})
	})
}

// Detach implements vendormodules.Attacher. It returns when the machine has the volume no more.
func (m *Module) Detach(ctx context.Context, volume, machine string) error {
	return m.do(ctx, agency.Scope{}, "detach volume "+volume+" from "+machine, func(s *session) error {
		found, err := m.bothOf(ctx, s, volume, machine)
		if err != nil {
			return err
		}
		has := func(now volumes.Volume) bool {
			return slices.ContainsFunc(now.Attachments, func(one volumes.Attachment) bool { return one.ServerID == machine })
		}
		if !has(found) {
			return nil
		}
		if found.Status != "detaching" {
			if err := gone(volumeattach.Delete(ctx, s.compute, machine, volume).ExtractErr()); err != nil {
				return err
			}
		}
		return m.untilVolume(ctx, s, volume, func(now volumes.Volume) bool { return !has(now) && now.Status != "detaching" })
	})
}

// bothOf finds the volume, and makes sure that there is the machine.
func (m *Module) bothOf(ctx context.Context, s *session, volume, machine string) (volumes.Volume, error) {
	found, err := m.volumeOf(ctx, s, volume)
	if err != nil {
		return found, fmt.Errorf("volume %s: %w", volume, translate(err))
	}
	if _, err := m.server(ctx, s, machine); err != nil {
		return found, fmt.Errorf("machine %s: %w", machine, translate(err))
	}
	return found, nil
}

// attachedTo is the machine that has a volume; empty if none has.
func attachedTo(one volumes.Volume) string {
	if len(one.Attachments) == 0 {
		return ""
	}
	return one.Attachments[0].ServerID
}

func (m *Module) untilVolume(ctx context.Context, s *session, id string, come func(volumes.Volume) bool) error {
	return until(ctx, "volume "+id, func() (bool, error) {
		now, err := m.volumeOf(ctx, s, id)
		if err != nil {
			return false, err
		}
		if state, fault := storageState(now.Status); state == vendormodules.ResourceError {
			return false, fmt.Errorf("%w: %w", errors.New(fault), vendormodules.ErrConflict)
		}
		return come(now), nil
	})
}
