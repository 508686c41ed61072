//go:build testbed

package main_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
)

// secret is the password of the testbed's OpenStack and of the simulated vCenter, both on loopback.
const secret = "testbed"

// described is what every cloud of the story says of itself.
type described struct{ called, configured, stored string }

func (d described) name() string          { return d.called }
func (d described) configuration() string { return d.configured }
func (d described) credential() string    { return d.stored }

// ptcCloud has no listing but the agency's: what it makes are processes of this agency.
type ptcCloud struct{ described }

func newPtc() cloud {
	return ptcCloud{described{"ptc", "    module: ptc\n    country: GR\n    capacity: { cores: 16, memory: 16GiB, storage: 10GiB }", ""}}
}

func (ptcCloud) machines(*testing.T) []string { return nil }

// testbedValue is a value that a script of the testbed prints for clients.
func testbedValue(t *testing.T, provider, name string) string {
	t.Helper()
	output, err := exec.Command("../../testbed/"+provider, "env").Output()
	fatal(t, err)
	for line := range strings.Lines(string(output)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+"="); found {
			return value
		}
	}
	t.Fatalf("testbed/%s env says no %s", provider, name)
	return ""
}

// shown is what a cloud's own program prints, by lines.
func shown(t *testing.T, environment []string, program string, arguments ...string) []string {
	t.Helper()
	command := exec.Command(program, arguments...)
	command.Env = append(os.Environ(), environment...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(arguments, " "), err, output)
	}
	return strings.Fields(string(output))
}

// dockerCloud has the programs of the examples in an image of its own.
type dockerCloud struct {
	described
	host string
}

func newDocker(t *testing.T) cloud {
	t.Helper()
	host := testbedValue(t, "docker", "DOCKER_HOST")
	build := exec.Command("make", "-C", "../..", "examples-image")
	build.Env = append(os.Environ(), "DOCKER_HOST="+host)
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make examples-image: %v\n%s", err, output)
	}
	program, err := filepath.Abs("../../bin/static/agency")
	fatal(t, err)
	return dockerCloud{described{"docker", fmt.Sprintf(`    module: docker
    country: GR
    program: %s
    hosts: [ { endpoint: %q, capacity: { cores: 16, memory: 16GiB } } ]
    images: { static-web: agency-examples, kv-store: agency-examples }`, program, host), ""}, host}
}

func (c dockerCloud) machines(t *testing.T) []string {
	return shown(t, []string{"DOCKER_HOST=" + c.host}, "docker", "ps", "-aq", "--filter", "label=agency.type=compute")
}

// libvirtCloud is QEMU on this host.
type libvirtCloud struct {
	described
	uri string
}

func newLibvirt(t *testing.T) cloud {
	t.Helper()
	uri := "qemu:///system?socket=" + testbedValue(t, "libvirt", "LIBVIRT_SOCKET")
	return libvirtCloud{described{"libvirt", fmt.Sprintf(`    module: libvirt
    country: GR
    hosts: { local: %q }
    network: %s
    public: true
    virtualization: qemu
    machine: pc
    kernels:
      guest: { kernel: %s, initrd: %s, disk: %s, command-line: console=ttyS0 quiet }
    disk: 48MiB
    images: { static-web: guest, kv-store: guest }
    availability: { compute: 99.95%%, volume: 99.99%% }
    ranges: 10.232.0.0/16`, uri, testbedValue(t, "libvirt", "LIBVIRT_NETWORK"), testbedValue(t, "libvirt", "LIBVIRT_KERNEL"),
		testbedValue(t, "libvirt", "LIBVIRT_INITRD"), testbedValue(t, "libvirt", "LIBVIRT_DISK")), ""}, uri}
}

func (c libvirtCloud) machines(t *testing.T) []string {
	return ofStory(shown(t, nil, "virsh", "-q", "-c", c.uri, "list", "--all", "--name"))
}

// ofStory are the names of the web shop's machines among all that there are, such as the records that a cloud keeps of
// volumes, and machines of other tests.
func ofStory(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, "web-") && !strings.HasPrefix(name, "db-") })
}

// openStackCloud is the testbed's project demo.
type openStackCloud struct {
	described
	environment []string
}

func newOpenStack(t *testing.T) cloud {
	t.Helper()
	return openStackCloud{described{"openstack", `    module: openstack
    auth-url: http://127.0.0.1:5000/v3
    sign-in: password
    project: demo
    region: RegionOne
    country: GR
    images: { static-web: tiny, kv-store: tiny }`, "username=demo\npassword=" + secret + "\n"},
		[]string{"OS_CLOUD=testbed", "OS_CLIENT_CONFIG_FILE=" + testbedValue(t, "openstack", "OS_CLIENT_CONFIG_FILE")}}
}

func (c openStackCloud) machines(t *testing.T) []string {
	return shown(t, c.environment, "openstack", "server", "list", "--limit", "-1", "-f", "value", "-c", "ID")
}

// vsphereCloud is govmomi's simulator, with one template.
type vsphereCloud struct {
	described
	server *simulator.Server
}

func newVsphere(t *testing.T) cloud {
	t.Helper()
	model := simulator.VPX()
	fatal(t, model.Create())
	t.Cleanup(model.Remove)
	model.Service.Listen = &url.URL{User: url.UserPassword("agency", secret)}
	server := model.Service.NewServer()
	t.Cleanup(server.Close)
	endpoint := *server.URL
	endpoint.User = nil
	one := vsphereCloud{described{"vsphere", fmt.Sprintf(`    module: vsphere
    url: %s
    country: GR
    cluster: DC0_C0
    public: { network: VM Network, range: 192.168.7.0/24, gateway: 192.168.7.1, name-servers: [ 192.168.7.2 ] }
    images: { static-web: debian-12, kv-store: debian-12 }`, endpoint.String()), "user=agency\npassword=" + secret + "\n"}, server}
	machine, err := find.NewFinder(one.client(t).Client).VirtualMachine(t.Context(), "/DC0/vm/DC0_C0_RP0_VM0")
	fatal(t, err)
	for _, step := range []func(context.Context) (*object.Task, error){
		machine.PowerOff, func(ctx context.Context) (*object.Task, error) { return machine.Rename(ctx, "debian-12") },
	} {
		task, err := step(t.Context())
		fatal(t, err)
		fatal(t, task.Wait(t.Context()))
	}
	fatal(t, machine.MarkAsTemplate(t.Context()))
	return one
}

func (c vsphereCloud) client(t *testing.T) *govmomi.Client {
	t.Helper()
	client, err := govmomi.NewClient(context.Background(), c.server.URL, true)
	fatal(t, err)
	t.Cleanup(func() { _ = client.Logout(context.Background()) })
	return client
}

func (c vsphereCloud) machines(t *testing.T) []string {
	t.Helper()
	finder := find.NewFinder(c.client(t).Client)
	machines, err := finder.VirtualMachineList(t.Context(), "/DC0/vm/agency-*/*")
	if _, none := err.(*find.NotFoundError); err != nil && !none {
		t.Fatal(err)
	}
	names := make([]string, 0, len(machines))
	for _, machine := range machines {
		names = append(names, machine.Name())
	}
	return ofStory(names)
}
