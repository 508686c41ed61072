//go:build testbed

package libvirt_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	godriver "github.com/digitalocean/go-libvirt"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/libvirt"
	"github.com/cloud-agency/agency/vendormodules/libvirt/link"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

const agencyID = "agency-1"

// testbed is a value that `testbed/libvirt env` prints.
func testbed(t testing.TB, name string) string {
	t.Helper()
	output, err := exec.Command("../../testbed/libvirt", "env").Output()
	if err != nil {
		t.Fatalf("testbed/libvirt env: %v", err)
	}
	for line := range strings.Lines(string(output)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "LIBVIRT_"+name+"="); found {
			return value
		}
	}
	t.Fatalf("testbed/libvirt env says no %s", name)
	return ""
}

// virsh asks the testbed's daemon by other means than the module's. What its library can do itself it would, but for the
// transport.
func virsh(t testing.TB, uri string, arguments ...string) string {
	t.Helper()
	command := exec.Command("virsh", append([]string{"-q", "-c", strings.Replace(uri, "://", "+unix://", 1)}, arguments...)...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("virsh %s: %v: %s", strings.Join(arguments, " "), err, output)
	}
	return string(output)
}

// count is how many of the suite's machines, networks, storage volumes and filters there are. Others may use the daemon
// meanwhile.
func count(t *testing.T, uri, pool string) int {
	listings := "pool-refresh " + pool + "; list --all --name; net-list --all --name; vol-list " + pool
	if strings.HasPrefix(uri, "qemu") { // the test driver has no filters
		listings += "; nwfilter-list"
	}
	text := virsh(t, uri, listings)
	filters := strings.Count(text, "cloud-agency."+agencyID+".deployment-")
	return filters + strings.Count(text, "vendortest-") // a storage volume counts twice, by name and path
}

// size is what a machine has, by its id of the module's.
func size(t *testing.T, uri, id string) (has vendormodules.Usage) {
	name := id[strings.LastIndex(id, ":")+1:]
	for line := range strings.Lines(virsh(t, uri, "dominfo", name)) {
		said, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		var number int
		fmt.Sscan(value, &number)
		switch said {
		case "CPU(s)":
			has.Cores = number
		case "Max memory":
			has.Memory = quantity.Bytes(number) * quantity.KiB
		}
	}
	return has
}

// open makes a module of a configuration, without what the driver lacks.
func open(t testing.TB, configuration string, credentials services.Credentials) *libvirt.Module {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(configuration), &node); err != nil {
		t.Fatal(err)
	}
	environment := vendormodules.Environment{Vendor: "home", Agency: agencyID, Directory: t.TempDir(), Credentials: credentials, Now: time.Now}
	module, err := libvirt.Open(context.Background(), &node, environment)
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// testDriver is the URI of libvirt's own test driver, which has everything in memory for as long as the test runs, and an
// image.
func testDriver(t *testing.T) string {
	t.Helper()
	uri := "test:///default?socket=" + testbed(t, "SOCKET")
	address, err := link.ParseAddress(uri)
	if err != nil {
		t.Fatal(err)
	}
	kept := link.New(address, func(context.Context) (link.Identity, error) { return link.Identity{}, nil })
	t.Cleanup(kept.Close)
	err = kept.Call(t.Context(), func(daemon *godriver.Libvirt) error {
		pool, err := daemon.StoragePoolLookupByName("default-pool")
		if err != nil {
			return err
		}
		_, err = daemon.StorageVolCreateXML(pool, `<volume><name>guest.qcow2</name><capacity>1048576</capacity></volume>`, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return uri
}

func testDriverConfiguration(uri string) string {
	return fmt.Sprintf("{hosts: {local: %q}, pool: default-pool, country: DE, stop-within: 1s}", uri)
}

func TestConformanceOfTestDriver(t *testing.T) {
	uri := testDriver(t)
	bad, socket := newLine(t, testbed(t, "SOCKET"))
	tested := provider(uri, "default-pool", nil, testDriverConfiguration("test:///default?socket="+socket))
	tested.Line, tested.Against, tested.Record = bad, "libvirt's test driver", "conformance-test-driver.json"
	tested.Unproven = map[string]string{
		"ranges": "the driver makes up addresses, also beyond a network's range",
		"resize": "a machine has another address at each start there, and volumes cannot grow",
	}
	vendortest.Run(t, tested)
}

func provider(uri, pool string, credentials services.Credentials, configuration string) vendortest.Provider {
	return vendortest.Provider{
		Agency: agencyID,
		Account: func(t *testing.T) vendortest.Account {
			return vendortest.Account{
				Open:    func(t *testing.T) vendormodules.Module { return open(t, configuration, credentials) },
				Listing: func(t *testing.T) int { return count(t, uri, pool) },
				Machine: func(t *testing.T, id string) vendormodules.Usage { return size(t, uri, id) },
			}
		},
		Classes: map[descriptors.ResourceType]descriptors.Class{
			descriptors.Compute: {Type: descriptors.Compute, Image: "guest", Cores: 1, Memory: 160 * quantity.MiB},
			descriptors.Volume:  {Type: descriptors.Volume, Size: 64 * quantity.MiB},
			descriptors.Network: {Type: descriptors.Network, Private: true},
		},
		Wait: 20 * time.Second,
	}
}

// TestConformanceOfQEMU runs the suite on virtual machines that boot, emulated, at a daemon that is reached by TLS.
func TestConformanceOfQEMU(t *testing.T) {
	keys := &keyring{directory: testbed(t, "TLS")}
	bad, address := newSecureLine(t, keys.directory, "127.0.0.1:"+testbed(t, "TLS_PORT"))
	tested := provider("qemu:///system?socket="+testbed(t, "SOCKET"), "default", keys, machines(t, "qemu+tls://"+address+"/system"))
	tested.Line = bad
	tested.Credential = func(_ *testing.T, takes bool) { keys.stranger.Store(!takes) }
	tested.Against, tested.Record = "libvirt 9.0 with QEMU 7.2", "conformance-qemu.json"
	tested.Wait, tested.Scripts = 3*time.Minute, vendortest.ShellScripts()
	vendortest.Run(t, tested)
}

// keyring has the testbed's client's credential, or that of a stranger whom the daemon does not know.
type keyring struct {
	directory string
	stranger  atomic.Bool
}

// Credential implements services.Credentials.
func (k *keyring) Credential(context.Context, services.Scope) (services.Credential, error) {
	who := "client"
	if k.stranger.Load() {
		who = "stranger"
	}
	credential := services.Credential{}
	for field, file := range map[string]string{"key": who + ".key", "certificate": who + ".pem", "authority": "authority.pem"} {
		content, err := os.ReadFile(filepath.Join(k.directory, file))
		if err != nil {
			return nil, err
		}
		credential[field] = services.NewSecret(string(content))
	}
	return credential, nil
}

// machines is a configuration for the testbed's guest.
func machines(t testing.TB, uri string) string {
	t.Helper()
	return fmt.Sprintf(`
hosts: {local: %q}
network: %s
country: DE
virtualization: qemu
machine: pc
kernels:
  guest: {kernel: %s, initrd: %s, disk: %s, command-line: console=ttyS0 quiet mitigations=off nokaslr cryptomgr.notests}
disk: 48MiB
ranges: 10.232.0.0/16
stop-within: 30s
ssh: true
`, uri, testbed(t, "NETWORK"), testbed(t, "KERNEL"), testbed(t, "INITRD"), testbed(t, "DISK"))
}
