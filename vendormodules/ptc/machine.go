package ptc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/archive"
	"github.com/cloud-agency/agency/vendormodules/ptc/images"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// defaultImage is that of a class which names none.
const defaultImage = "shell"

// prepare puts everything of a machine, or of a volume that is made of a snapshot, in its place. Each step may find its work done, wholly or in part.
func (m *Module) prepare(ctx context.Context, of record.Record, request vendormodules.Request) (record.Record, error) {
	if of.Class.Type == descriptors.Volume {
		if err := m.fill(ctx, request, m.at(of.Key).Data()); err != nil {
			return of, err
		}
		of.Prepared = true
		return of, m.at(of.Key).Write(of)
	}
	if err := m.settleVolumes(of); err != nil {
		return of, err
	}
	if err := m.unpack(ctx, of, request); err != nil {
		return of, err
	}
	if err := m.installKeys(ctx, of); err != nil {
		return of, err
	}
	root := m.at(of.Key).Root()
	for _, name := range []string{"bin", "tmp"} {
		if err := makeDirectory(filepath.Join(root, name)); err != nil {
			return of, err
		}
	}
	if request.Class.UserData != "" {
		if err := os.WriteFile(filepath.Join(root, "user-data"), []byte(request.Class.UserData), 0o600); err != nil {
			return of, fmt.Errorf("write user data: %w", err)
		}
	}
	if err := m.addProgram(&of); err != nil {
		return of, err
	}
	if len(of.Class.Run) == 0 {
		of.Class.Run = images.Run(of.Class)
	}
	of.Prepared = true
	return of, m.at(of.Key).Write(of)
}

// makeDirectory makes a directory; one that a link of the image stands for is no directory of the machine's.
func makeDirectory(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	information, err := os.Lstat(path)
	if err == nil && !information.IsDir() {
		err = fmt.Errorf("%s of the image is not a directory: %w", filepath.Base(path), vendormodules.ErrInvalid)
	}
	return err
}

// unpack puts the image's files and then the request's into the machine and its volumes.
func (m *Module) unpack(ctx context.Context, of record.Record, request vendormodules.Request) (err error) {
	target := m.target(of)
	if request.Image != "" {
		err = m.fill(ctx, request, target.Root)
	} else {
		err = m.unpackImage(ctx, target, m.configuration.ImageFiles[of.Class.Image])
	}
	if err == nil && request.Files != "" {
		err = target.Unpack(ctx, request.Files)
	}
	if errors.Is(err, archive.ErrEntry) {
		return fmt.Errorf("%w: %w", err, vendormodules.ErrInvalid)
	}
	return err
}

func (m *Module) unpackImage(ctx context.Context, target archive.Target, path string) error {
	if path == "" {
		return nil
	}
	information, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("image: %w", err)
	case information.IsDir():
		return target.Copy(ctx, path)
	}
	return target.Unpack(ctx, path)
}

// addProgram keeps a copy of the agency's program for the resource.
func (m *Module) addProgram(of *record.Record) error {
	program, err := m.programs.add()
	if err != nil {
		return fmt.Errorf("keep the agency's program: %w", err)
	}
	of.Program = program
	return nil
}

// installImage puts the commands of a built-in image into the machine.
func (m *Module) installImage(of record.Record) error {
	if of.Class.Type != descriptors.Compute {
		return nil
	}
	bin := filepath.Join(m.at(of.Key).Root(), "bin")
	if err := makeDirectory(bin); err != nil {
		return err
	}
	return images.Install(cmp.Or(of.Class.Image, defaultImage), bin, of.Program)
}

// cleanMount is a mount as an absolute path without detours.
func cleanMount(mount string) string { return filepath.Clean("/" + mount) }

// checkMounts refuses mounts that a machine cannot have.
func checkMounts(mounts []vendormodules.VolumeMount) error {
	for index, one := range mounts {
		mount := cleanMount(one.Mount)
		if !strings.HasPrefix(one.Mount, "/") || mount == "/" || mount == "/bin" || mount == "/tmp" {
			return fmt.Errorf("a volume cannot be mounted at %q: %w", one.Mount, vendormodules.ErrInvalid)
		}
		for _, other := range mounts[:index] {
			if below(mount, cleanMount(other.Mount)) || below(cleanMount(other.Mount), mount) || one.Volume == other.Volume {
				return fmt.Errorf("volumes %s and %s get into each other's way: %w", other.Volume, one.Volume, vendormodules.ErrInvalid)
			}
		}
	}
	return nil
}

// below says whether a path is another one or lies below it.
func below(path, other string) bool { return path == other || strings.HasPrefix(path, other+"/") }
