// Package seed makes the disk by which a machine without a metadata service is told what to be: a NoCloud seed, the
// form that cloud-init and its kin look for, an ISO 9660 file system labelled "cidata".
package seed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
)

// Seed is what a machine is told.
type Seed struct {
	// Instance is another for every machine: what it does at its first boot, it does once for each of these.
	Instance string
	// Hostname of the machine.
	Hostname string
	// UserData as cloud-init reads it; a shell script is one kind.
	UserData []byte
	// Files are further files of the seed by name.
	Files map[string][]byte
}

// sectorSize of ISO 9660.
const sectorSize = 2048

// Encode makes the file system, of so many bytes as it needs. It works in a directory of its own below the given one,
// which nobody else can read, for user data may hold secrets.
func (s Seed) Encode(below string) (image []byte, err error) {
	if err := os.MkdirAll(below, 0o700); err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	directory, err := os.MkdirTemp(below, "seed-")
	if err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	content := filepath.Join(directory, "content")
	if err := os.Mkdir(content, 0o700); err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	files := map[string][]byte{
		"meta-data": fmt.Appendf(nil, "instance-id: %s\nlocal-hostname: %s\n", s.Instance, s.Hostname),
		"user-data": s.UserData,
	}
	for name, content := range s.Files {
		files[name] = content
	}
	for name, bytes := range files {
		if err := os.WriteFile(filepath.Join(content, name), bytes, 0o600); err != nil {
			return nil, fmt.Errorf("seed: %w", err)
		}
	}
	path := filepath.Join(directory, "seed.iso")
	if err := write(path, content); err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	return os.ReadFile(path)
}

// write makes the file system of what a directory contains.
func write(path, content string) error {
	target, err := file.CreateFromPath(path, sectorSize)
	if err != nil {
		return err
	}
	defer target.Close() //nolint:errcheck // it is read anew
	system, err := iso9660.Create(target, 0, 0, sectorSize, content)
	if err != nil {
		return err
	}
	return system.Finalize(iso9660.FinalizeOptions{RockRidge: true, VolumeIdentifier: "cidata"})
}
