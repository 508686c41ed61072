package ptc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// Attach implements vendormodules.Attacher. The record is written first, so that an attachment cut off is finished when
// the module is opened.
func (m *Module) Attach(ctx context.Context, volume, machine, mount string) error {
	of, end, err := m.hold(ctx, machine)
	if err == nil {
		defer end()
		err = m.attach(of, volume, mount)
	}
	if err != nil {
		return fmt.Errorf("ptc: attach volume %s to machine %s at %s: %w", volume, machine, mount, err)
	}
	return nil
}

func (m *Module) attach(of record.Record, volume, mount string) error {
	if err := m.steady(of, descriptors.Compute); err != nil {
		return err
	}
	var mounts []vendormodules.VolumeMount
	for other, at := range of.Volumes {
		if other == volume && at != cleanMount(mount) {
			return fmt.Errorf("it is mounted at %s: %w", at, vendormodules.ErrConflict)
		}
		if other != volume {
			mounts = append(mounts, vendormodules.VolumeMount{Volume: other, Mount: at})
		}
	}
	if err := checkMounts(append(mounts, vendormodules.VolumeMount{Volume: volume, Mount: mount})); err != nil {
		return err
	}
	_, had := of.Volumes[volume]
	if err := m.ledger.attach(volume, of.Key); err != nil {
		return err
	}
	if of.Volumes == nil {
		of.Volumes = map[string]string{}
	}
	of.Volumes[volume] = cleanMount(mount)
	err := m.at(of.Key).Write(of)
	if err == nil {
		err = m.settleVolumes(of)
	}
	if err != nil && !had { // nothing half done
		delete(of.Volumes, volume)
		err = errors.Join(err, m.at(of.Key).Write(of), m.settleVolumes(of))
		m.ledger.detach(volume, of.Key)
	}
	return err
}

// Detach implements vendormodules.Attacher.
func (m *Module) Detach(ctx context.Context, volume, machine string) error {
	of, end, err := m.hold(ctx, machine)
	if err == nil {
		defer end()
		err = m.detach(of, volume)
	}
	if err != nil {
		return fmt.Errorf("ptc: detach volume %s from machine %s: %w", volume, machine, err)
	}
	return nil
}

func (m *Module) detach(of record.Record, volume string) error {
	if err := m.steady(of, descriptors.Compute); err != nil {
		return err
	}
	if _, err := m.read(volume); err != nil {
		return err
	}
	mount, attached := of.Volumes[volume]
	if !attached {
		return nil
	}
	delete(of.Volumes, volume)
	if err := m.at(of.Key).Write(of); err != nil {
		return err
	}
	link := filepath.Join(m.at(of.Key).Root(), mount)
	if target, err := os.Readlink(link); err == nil && target == filepath.Join(m.at(of.Key).Volumes(), volume) {
		if err := os.Remove(link); err != nil {
			return err
		}
	}
	if err := m.settleVolumes(of); err != nil {
		return err
	}
	m.ledger.detach(volume, of.Key)
	return nil
}

// steady refuses what can only be done to a resource of one type that is wholly there.
func (m *Module) steady(of record.Record, kind descriptors.ResourceType) error {
	switch {
	case of.Class.Type != kind:
		return fmt.Errorf("%s is a %s, not a %s: %w", of.Key, of.Class.Type, kind, vendormodules.ErrInvalid)
	case of.Deleting:
		return fmt.Errorf("%s is being deleted: %w", of.Key, vendormodules.ErrConflict)
	case !of.Prepared:
		return fmt.Errorf("%s is not there yet: %w", of.Key, vendormodules.ErrConflict)
	}
	return nil
}

// settleVolumes brings the data of volumes to where a machine's record says that they are: what it lists, into the
// machine's directory and linked to from its mount; whatever else is there, home.
func (m *Module) settleVolumes(of record.Record) error {
	if of.Class.Type != descriptors.Compute {
		return nil
	}
	directory := m.at(of.Key)
	present, err := os.ReadDir(directory.Volumes())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range present {
		if _, listed := of.Volumes[entry.Name()]; listed && !of.Deleting {
			continue
		}
		if err := os.Rename(filepath.Join(directory.Volumes(), entry.Name()), m.at(entry.Name()).Data()); err != nil {
			return fmt.Errorf("bring volume %s home: %w", entry.Name(), err)
		}
	}
	if of.Deleting {
		return nil
	}
	for volume, mount := range of.Volumes {
		data := filepath.Join(directory.Volumes(), volume)
		err := os.Rename(m.at(volume).Data(), data)
		if _, there := os.Stat(data); err != nil && there != nil {
			return fmt.Errorf("bring volume %s to the machine: %w", volume, err)
		}
		if err := linkMount(directory.Root(), mount, data); err != nil {
			return err
		}
	}
	return nil
}

// linkMount makes the mount of a machine lead to a volume's data. An empty directory gives way to it.
func linkMount(root, mount, data string) error {
	inside, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer inside.Close() //nolint:errcheck // nothing was written through it
	name := mount[1:]
	if target, err := inside.Readlink(name); err == nil && target == data {
		return nil
	}
	if err := inside.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("mount %s: %w: %w", mount, err, vendormodules.ErrInvalid)
	}
	if err := inside.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("mount %s: there are files already: %w: %w", mount, err, vendormodules.ErrConflict)
	}
	return inside.Symlink(data, name)
}
