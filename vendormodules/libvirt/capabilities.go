package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/digitalocean/go-libvirt"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/vendormodules"
)

// lacking is what some host's driver cannot do, by the capability that is missing for it, with the procedure it lacks.
type lacking map[string]string

func (l lacking) notes() []string {
	var notes []string
	for capability, procedure := range l {
		notes = append(notes, fmt.Sprintf("%s: the hosts' driver has no %s", capability, procedure))
	}
	slices.Sort(notes)
	return notes
}

// Open makes a module like New, connects to its hosts, and leaves out what their drivers say that they cannot do. A
// module of New has all abilities, and where the driver lacks one, using it is ErrUnsupported.
func Open(ctx context.Context, node *yaml.Node, environment vendormodules.Environment) (*Module, error) {
	m, err := New(node, environment)
	if err != nil {
		return nil, err
	}
	m.lacks = lacking{}
	for _, one := range m.hosts {
		if err := one.probe(ctx, m.lacks); err != nil {
			m.Close() //nolint:errcheck // it never fails
			return nil, failed("ask what it can do", one.name, err)
		}
	}
	return m, nil
}

// probe calls what a driver may lack, on what does not exist: one that has it answers that it does not exist.
func (h *host) probe(ctx context.Context, lacks lacking) error {
	nothing, nowhere := libvirt.Domain{Name: "no-such-machine"}, libvirt.StorageVol{Pool: h.pool, Name: "no-such-volume", Key: "/no-such-volume"}
	for _, one := range []struct {
		capability, procedure string
		call                  func(daemon *libvirt.Libvirt) error
	}{
		{attachCapability, "virDomainAttachDeviceFlags", func(daemon *libvirt.Libvirt) error {
			return daemon.DomainAttachDeviceFlags(nothing, "<disk/>", 0)
		}},
		{consoleCapability, "virStorageVolDownload", func(daemon *libvirt.Libvirt) error {
			return daemon.StorageVolDownload(nowhere, io.Discard, 0, 0, 0)
		}},
		{seedCapability, "virStorageVolUpload", func(daemon *libvirt.Libvirt) error {
			return daemon.StorageVolUpload(nowhere, strings.NewReader(""), 0, 0, 0)
		}},
		{growCapability, "virStorageVolResize", func(daemon *libvirt.Libvirt) error {
			return daemon.StorageVolResize(nowhere, 0, 0)
		}},
		{backupCapability, "virDomainBackupBegin", func(daemon *libvirt.Libvirt) error {
			return daemon.DomainBackupBegin(nothing, "<domainbackup/>", nil, 0)
		}},
		{rulesCapability, "virNWFilterDefineXML", func(daemon *libvirt.Libvirt) error {
			_, err := daemon.NwfilterLookupByName("no-such-filter")
			return err
		}},
	} {
		var answer libvirt.Error
		if err := h.call(ctx, one.call); err != nil && !errors.As(err, &answer) {
			return err
		}
		if answer.Code == uint32(libvirt.ErrNoSupport) {
			lacks[one.capability] = one.procedure
		}
	}
	return nil
}

// The capabilities that a driver may lack, by the names that vendortest gives them, where it has one.
const (
	attachCapability  = "attach"
	consoleCapability = "console"
	growCapability    = "larger volumes"
	backupCapability  = "copies without a pause"
	seedCapability    = "user data"
	rulesCapability   = "no rules"
)

func (l lacking) has(capability string) bool { return l[capability] == "" }

// Abilities implements vendormodules.Wrapper: everything, but for what Open found that a
// driver lacks, and for trying credentials where no host wants any.
func (m *Module) Abilities() vendormodules.Abilities {
	abilities := vendormodules.Abilities{
		Power: m, Meter: m, Snapshotter: m, Imager: m, Resizer: m, Catalogue: m,
	}
	if m.credentialFields() != nil {
		abilities.Credentials = m
	}
	if m.entered() {
		abilities.Executor, abilities.Files = m.access, m.access
	}
	if m.lacks.has(attachCapability) {
		abilities.Attacher = m
	}
	if m.lacks.has(consoleCapability) {
		abilities.Console = m
	}
	return abilities
}
