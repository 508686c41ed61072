package libvirt

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// id of a resource: on which host, of what kind, and its key.
type id struct {
	host string
	kind descriptors.ResourceType
	key  string
}

// String implements fmt.Stringer.
func (i id) String() string { return i.host + ":" + string(i.kind) + ":" + i.key }

// parseID reads an id. What no id could be is an id of nothing.
func parseID(text string) (id, error) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) != 3 {
		return id{}, fmt.Errorf("%q is no id of this cloud: %w", text, vendormodules.ErrNotFound)
	}
	return id{parts[0], descriptors.ResourceType(parts[1]), parts[2]}, nil
}

// uuid of the domain or network of a key, always the same.
func uuid(key string) libvirt.UUID {
	sum := sha256.Sum256([]byte("cloud-agency " + key))
	var made libvirt.UUID
	copy(made[:], sum[:])
	made[6], made[8] = made[6]&0x0f|0x80, made[8]&0x3f|0x80 // version 8, which RFC 9562 leaves to us
	return made
}

func uuidText(made libvirt.UUID) string {
	text := hex.EncodeToString(made[:])
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}

// serialLength is that of a virtio disk; those of volumes begin alike.
const (
	serialLength = 20
	serialPrefix = "vol-"
)

// serial by which a machine knows a volume, as /dev/disk/by-id/virtio-SERIAL.
func serial(volume string) string {
	sum := sha256.Sum256([]byte(volume))
	return serialPrefix + hex.EncodeToString(sum[:])[:serialLength-len(serialPrefix)]
}

// label is what is kept at a host of a resource.
type label struct {
	Key     string
	Name    string
	Type    descriptors.ResourceType
	Tags    vendormodules.Tags
	Created time.Time
}

// What separates the parts of a storage volume's name; they contain neither.
const (
	partSeparator = "~"
	diskSuffix    = ".qcow2"
)

// longestName is what a file's name may be.
const longestName = 255

// volumeName is the name of the storage volume that a label is for, and says all of the label.
func (l label) volumeName() (string, error) {
	parts := []string{
		l.Key, string(l.Type), l.Name, l.Tags.Agency, l.Tags.Deployment, l.Tags.Class, l.Tags.Agreement,
		strconv.FormatInt(l.Created.Unix(), 36),
	}
	for index, part := range parts {
		parts[index] = strings.ReplaceAll(url.PathEscape(part), partSeparator, "%7E")
	}
	name := strings.Join(parts, partSeparator) + diskSuffix
	if len(name) > longestName {
		return "", fmt.Errorf("its name and tags together have %d characters, and %d fit into the name of a storage volume: %w",
			len(name), longestName, vendormodules.ErrInvalid)
	}
	return name, nil
}

// parseVolumeName reads a label from the name of a storage volume; false if it is none of ours.
func parseVolumeName(name string) (label, bool) {
	name, ours := strings.CutSuffix(name, diskSuffix)
	parts := strings.Split(name, partSeparator)
	if !ours || len(parts) != 8 {
		return label{}, false
	}
	for index, part := range parts {
		var err error
		if parts[index], err = url.PathUnescape(part); err != nil {
			return label{}, false
		}
	}
	created, err := strconv.ParseInt(parts[7], 36, 64)
	if err != nil {
		return label{}, false
	}
	return label{
		Key: parts[0], Type: descriptors.ResourceType(parts[1]), Name: parts[2],
		Tags:    vendormodules.Tags{Agency: parts[3], Deployment: parts[4], Class: parts[5], Agreement: parts[6]},
		Created: time.Unix(created, 0).UTC(),
	}, true
}

// rootName, seedName and consoleName are the names of a machine's own storage volumes, which begin alike. That of
// makingName says of a copy that it is not whole yet.
func rootName(key string) string    { return key + partSeparator + "root" + diskSuffix }
func seedName(key string) string    { return key + partSeparator + "seed.iso" }
func consoleName(key string) string { return key + partSeparator + "console.log" }
func makingName(key string) string  { return key + partSeparator + makingPart }

const makingPart = "making"
