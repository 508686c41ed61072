//go:build testbed

package vendor_test

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	driver "github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/libvirt"
)

// libvirtSocket is where the testbed's daemon listens.
func libvirtSocket(t *testing.T) string {
	t.Helper()
	output, err := exec.Command("../../testbed/libvirt", "env").Output()
	must(t, err)
	for line := range strings.Lines(string(output)) {
		if path, found := strings.CutPrefix(strings.TrimSpace(line), "LIBVIRT_SOCKET="); found {
			return path
		}
	}
	t.Fatal("testbed/libvirt env says no LIBVIRT_SOCKET")
	return ""
}

// libvirtDirect is libvirt by its SDK alone, connected once.
type libvirtDirect struct{ *driver.Libvirt }

func newLibvirtDirect(t *testing.T, socket string) libvirtDirect {
	t.Helper()
	connection := driver.NewWithDialer(dialers.NewLocal(dialers.WithSocket(socket)))
	must(t, connection.ConnectToURI("test:///default"))
	t.Cleanup(func() { _ = connection.Disconnect() })
	pool, err := connection.StoragePoolLookupByName("default-pool")
	must(t, err)
	_, err = connection.StorageVolCreateXML(pool, `<volume><name>guest.qcow2</name><capacity>1048576</capacity></volume>`, 0)
	must(t, err)
	return libvirtDirect{connection}
}

// way is what a program does that is written for libvirt alone.
func (d libvirtDirect) way() way {
	all := func() error { _, _, err := d.ConnectListAllDomains(1, 0); return err }
	found := func(name string, do func(driver.Domain) error) error {
		domain, err := d.DomainLookupByName(name)
		if err != nil {
			return err
		}
		return do(domain)
	}
	return way{
		list: all,
		images: func() error {
			pool, err := d.StoragePoolLookupByName("default-pool")
			if err == nil {
				_, _, err = d.StoragePoolListAllVolumes(pool, 1, 0)
			}
			return err
		},
		show: func(name string) error {
			return found(name, func(domain driver.Domain) error { _, err := d.DomainGetXMLDesc(domain, 0); return err })
		},
		create: func(number int) (string, error) {
			name := fmt.Sprintf("direct-%d", number)
			domain, err := d.DomainDefineXML(fmt.Sprintf(
				`<domain type='test'><name>%s</name><memory unit='MiB'>160</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>`, name))
			if err != nil {
				return "", err
			}
			return name, d.DomainCreate(domain)
		},
		stop:  func(name string) error { return found(name, d.DomainDestroy) },
		start: func(name string) error { return found(name, d.DomainCreate) },
		reboot: func(name string) error {
			return found(name, func(domain driver.Domain) error { return d.DomainReset(domain, 0) })
		},
		remove: func(name string) error {
			return found(name, func(domain driver.Domain) error {
				if err := d.DomainDestroy(domain); err != nil {
					return err
				}
				return d.DomainUndefine(domain)
			})
		},
	}
}

// TestMediationOfLibvirt prints what it costs to go through the agency rather than to libvirt directly. The daemon is the
// testbed's, its machines are those of its test driver: what a guest takes to boot would hide all else.
func TestMediationOfLibvirt(t *testing.T) {
	socket := libvirtSocket(t)
	direct := newLibvirtDirect(t, socket)
	mediation{
		cloud: "libvirt",
		open: func(t testing.TB, agency string, _ http.RoundTripper) vendormodules.Module {
			var node yaml.Node
			must(t, yaml.Unmarshal(fmt.Appendf(nil, "{hosts: {local: %q}, pool: default-pool, country: DE, stop-within: 1s}",
				"test:///default?socket="+socket), &node))
			module, err := libvirt.Open(context.Background(), &node, vendormodules.Environment{
				Vendor: vendorName, Agency: agency, Directory: t.TempDir(), Now: time.Now,
			})
			must(t, err)
			return module
		},
		direct:  func(*testing.T, http.RoundTripper) way { return direct.way() },
		machine: descriptors.Class{Type: descriptors.Compute, Image: "guest", Cores: 1, Memory: 160 * quantity.MiB, Count: exactly(1)},
	}.measure(t, func(*sheet) {})
}
