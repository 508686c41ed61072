package inert

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// MostBytes is how much one disk holds, and how much an archive may bring.
const MostBytes = 64 * quantity.MiB

// Disk is what a machine has of its own, or what is on a volume. The zero Disk is empty. It may be used by several
// goroutines at once.
type Disk struct {
	mutex   sync.Mutex
	entries map[string]entry // by clean absolute paths
}

// entry is a file or a directory. Its content is never changed, only replaced.
type entry struct {
	directory bool
	mode      int64
	content   []byte
}

// Clone is another disk with the same on it.
func (d *Disk) Clone() *Disk {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return &Disk{entries: maps.Clone(d.entries)}
}

// put puts entries on the disk, all or none.
func (d *Disk) put(added map[string]entry) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	next := maps.Clone(d.entries)
	if next == nil {
		next = map[string]entry{}
	}
	maps.Copy(next, added)
	size := 0
	for name, one := range next {
		size += len(one.content)
		for above := path.Dir(name); above != "/"; above = path.Dir(above) {
			if parent, there := next[above]; there && !parent.directory {
				return fmt.Errorf("%s is a file and has nothing in it: %w", above, vendormodules.ErrInvalid)
			}
		}
	}
	if quantity.Bytes(size) > MostBytes {
		return fmt.Errorf("the disk holds %s: %w", MostBytes, vendormodules.ErrNoCapacity)
	}
	d.entries = next
	return nil
}

// below is what lies at a path and below it, by paths that begin with another prefix than the disk's root.
func (d *Disk) below(name, prefix string) map[string]entry {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	found := map[string]entry{}
	for at, one := range d.entries {
		if within(at, name) {
			found[path.Join(prefix, at)] = one
		}
	}
	return found
}

func within(name, directory string) bool {
	return name == directory || directory == "/" || strings.HasPrefix(name, directory+"/")
}

// Tree is the files of a machine as it sees them.
type Tree struct {
	Root *Disk
	// Mounts are the volumes of the machine, by where they are mounted.
	Mounts map[string]*Disk
}

// at finds the disk that a path lies on, and the path there. Of several mounts it is the longest.
func (t Tree) at(name string) (*Disk, string) {
	disk, inside, longest := t.Root, name, ""
	for mount, volume := range t.Mounts {
		if mount = path.Clean("/" + mount); within(name, mount) && len(mount) > len(longest) {
			disk, inside, longest = volume, path.Clean("/"+strings.TrimPrefix(name, mount)), mount
		}
	}
	return disk, inside
}

// Put writes a file and replaces one that is there.
func (t Tree) Put(name string, content []byte) error {
	disk, inside := t.at(path.Clean("/" + name))
	return disk.put(map[string]entry{inside: {mode: 0o644, content: content}})
}

// File is the content of a file; false if there is none.
func (t Tree) File(name string) ([]byte, bool) {
	disk, inside := t.at(path.Clean("/" + name))
	disk.mutex.Lock()
	defer disk.mutex.Unlock()
	found, there := disk.entries[inside]
	return found.content, there && !found.directory
}

// find is what lies at a path and below it, on whichever disk, by paths as the machine sees them.
func (t Tree) find(name string) map[string]entry {
	disk, inside := t.at(name)
	found := disk.below(inside, strings.TrimSuffix(name, inside))
	for mount, volume := range t.Mounts {
		if mount = path.Clean("/" + mount); within(mount, name) {
			found[mount] = entry{directory: true, mode: 0o755}
			maps.Copy(found, volume.below("/", mount))
		}
	}
	return found
}

// Pack makes a tar archive of a file, or of a directory and all that is in it, under the rules of vendormodules.Files.
func (t Tree) Pack(name string) ([]byte, error) {
	name = path.Clean("/" + name)
	found := t.find(name)
	if len(found) == 0 && name != "/" {
		return nil, fmt.Errorf("%s: %w", name, vendormodules.ErrNotFound)
	}
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, at := range slices.Sorted(maps.Keys(found)) {
		one := found[at]
		header := &tar.Header{Typeflag: tar.TypeReg, Name: at, Size: int64(len(one.content)), Mode: one.mode}
		if one.directory {
			header.Typeflag, header.Name = tar.TypeDir, strings.TrimSuffix(at, "/")+"/"
		}
		err := writer.WriteHeader(header)
		if err == nil {
			_, err = writer.Write(one.content)
		}
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", at, err)
		}
	}
	return archive.Bytes(), writer.Close()
}

// Archive is what was read from a tar archive and is on no disk yet.
type Archive struct{ entries map[string]entry }

// Read reads an archive to its end, and of what is in it keeps files and directories. ErrInvalid if it is none.
func Read(from io.Reader) (Archive, error) {
	read := Archive{entries: map[string]entry{}}
	size := 0
	for reader := tar.NewReader(from); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return read, nil
		}
		if err != nil {
			return read, fmt.Errorf("archive: %w: %w", err, vendormodules.ErrInvalid)
		}
		one := entry{directory: header.Typeflag == tar.TypeDir, mode: header.Mode & 0o7777}
		if !one.directory && header.Typeflag != tar.TypeReg {
			continue
		}
		if size += int(header.Size); quantity.Bytes(size) > MostBytes {
			return read, fmt.Errorf("archive of more than %s: %w", MostBytes, vendormodules.ErrNoCapacity)
		}
		if one.content, err = io.ReadAll(reader); err != nil {
			return read, fmt.Errorf("archive: %w: %w", err, vendormodules.ErrInvalid)
		}
		if name := path.Clean("/" + header.Name); name != "/" {
			read.entries[name] = one
		}
	}
}

// Unpack puts what an archive holds in its places.
func (t Tree) Unpack(archive Archive) error {
	parts := map[*Disk]map[string]entry{}
	for name, one := range archive.entries {
		disk, inside := t.at(name)
		if inside == "/" {
			continue // the mount itself is there
		}
		if parts[disk] == nil {
			parts[disk] = map[string]entry{}
		}
		parts[disk][inside] = one
	}
	for disk, part := range parts {
		if err := disk.put(part); err != nil {
			return err
		}
	}
	return nil
}
