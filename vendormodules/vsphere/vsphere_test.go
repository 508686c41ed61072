//go:build !race

package vsphere_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vsphere"
)

func request(key string, class descriptors.Class) vendormodules.Request {
	return vendormodules.Request{
		Key: key, Name: key, Class: class, Tags: vendormodules.Tags{Agency: agencyID, Deployment: "shop", Class: "web"},
	}
}

func machine(key string) vendormodules.Request {
	return request(key, descriptors.Class{Type: descriptors.Compute, Image: template, Cores: 2, Memory: 3 * quantity.GiB})
}

func volume(key string) vendormodules.Request {
	return request(key, descriptors.Class{Type: descriptors.Volume, Size: 2 * quantity.GiB})
}

func create(t *testing.T, module *vsphere.Module, asked vendormodules.Request) vendormodules.Resource {
	t.Helper()
	made, err := module.Create(t.Context(), asked)
	must(t, err)
	return made
}

func wants(t *testing.T, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("the error is %v, and should wrap %q", err, sentinel)
	}
}

// hardware is what vCenter says of one of our machines.
func hardware(t *testing.T, client *govmomi.Client, key string) mo.VirtualMachine {
	t.Helper()
	found, err := find.NewFinder(client.Client).VirtualMachine(t.Context(), "/DC0/vm/agency-"+agencyID+"/"+key)
	must(t, err)
	var seen mo.VirtualMachine
	must(t, property.DefaultCollector(client.Client).RetrieveOne(t.Context(), found.Reference(), []string{"config"}, &seen))
	return seen
}

func disks(seen mo.VirtualMachine) int {
	count := 0
	for _, device := range seen.Config.Hardware.Device {
		if _, is := device.(*types.VirtualDisk); is {
			count++
		}
	}
	return count
}

// An expired session is begun anew, once, and nobody hears of it.
func TestASessionThatExpiresIsBegunAnew(t *testing.T) {
	center := newVcenter(t)
	module := center.open(t, nil, "")
	create(t, module, volume("data-1"))
	client := center.client(t)
	sessions := session.NewManager(client.Client)
	own, err := sessions.UserSession(t.Context())
	must(t, err)
	var manager mo.SessionManager
	must(t, property.DefaultCollector(client.Client).RetrieveOne(
		t.Context(), *client.ServiceContent.SessionManager, []string{"sessionList"}, &manager))
	ended := 0
	for _, one := range manager.SessionList {
		if one.Key != own.Key {
			must(t, sessions.TerminateSession(t.Context(), []string{one.Key}))
			ended++
		}
	}
	if ended == 0 {
		t.Fatal("the module has no session")
	}
	listed, err := module.List(t.Context())
	if err != nil || len(listed) != 1 {
		t.Errorf("after its session has expired it lists %+v, %v", listed, err)
	}
}

// A machine has the size of the flavor that it fits, and what cloud-init reads; its volumes outlive it.
func TestAMachineIsWhatWasAskedFor(t *testing.T) {
	center := newVcenter(t)
	module, client := center.open(t, nil, ""), center.client(t)
	data := create(t, module, volume("data-1"))
	asked := machine("web-1")
	asked.Class.Run, asked.Class.Keys = []string{"exec serve"}, descriptors.Names{"ssh-ed25519 AAAA deploy"}
	asked.Volumes = []vendormodules.VolumeMount{{Volume: data.ID, Mount: "/srv"}}
	before := disks(hardware(t, client, "data-1"))
	made := create(t, module, asked)
	seen := hardware(t, client, "web-1")
	if seen.Config.Hardware.NumCPU != 2 || seen.Config.Hardware.MemoryMB != 4096 {
		t.Errorf("it has %d cores and %d MiB", seen.Config.Hardware.NumCPU, seen.Config.Hardware.MemoryMB)
	}
	guest := map[string]bool{}
	for _, option := range seen.Config.ExtraConfig {
		guest[option.GetOptionValue().Key] = true
	}
	if !guest["guestinfo.userdata"] || !guest["guestinfo.metadata"] {
		t.Errorf("cloud-init finds %v", guest)
	}
	if len(made.Addresses) != 1 || made.Addresses[0].Address != "192.168.7.10" || !made.Addresses[0].Public {
		t.Errorf("its addresses are %+v", made.Addresses)
	}
	if count := disks(seen); count != 2 {
		t.Errorf("it has %d disks, its own and the volume's should be two", count)
	}

	must(t, module.Delete(t.Context(), made.ID))
	if after := disks(hardware(t, client, "data-1")); after != before {
		t.Errorf("the volume had %d disks, and has %d without its machine", before, after)
	}
	wants(t, module.Resize(t.Context(), data.ID, descriptors.Class{Type: descriptors.Volume, Size: quantity.GiB}), vendormodules.ErrUnsupported)
	for range 2 {
		must(t, module.Resize(t.Context(), data.ID, descriptors.Class{Type: descriptors.Volume, Size: 5 * quantity.GiB}))
	}
	for _, device := range hardware(t, client, "data-1").Config.Hardware.Device {
		if disk, is := device.(*types.VirtualDisk); is && disk.CapacityInBytes != int64(5*quantity.GiB) {
			t.Errorf("the volume has %d bytes", disk.CapacityInBytes)
		}
	}
}

func TestAMachineIsResizedWhileItIsStopped(t *testing.T) {
	center := newVcenter(t)
	module, client := center.open(t, nil, ""), center.client(t)
	made := create(t, module, machine("web-1"))
	larger := descriptors.Class{Type: descriptors.Compute, Cores: 4, Memory: 16 * quantity.GiB}
	wants(t, module.Resize(t.Context(), made.ID, larger), vendormodules.ErrConflict)
	must(t, module.Stop(t.Context(), made.ID))
	must(t, module.Resize(t.Context(), made.ID, larger))
	if seen := hardware(t, client, "web-1"); seen.Config.Hardware.NumCPU != 4 || seen.Config.Hardware.MemoryMB != 16384 {
		t.Errorf("it has %d cores and %d MiB", seen.Config.Hardware.NumCPU, seen.Config.Hardware.MemoryMB)
	}
	must(t, module.Start(t.Context(), made.ID))
	must(t, module.Start(t.Context(), made.ID))
}

// A volume of a snapshot may be larger than the snapshot, and never smaller.
func TestAVolumeOfASnapshotIsAsLargeAsAsked(t *testing.T) {
	center := newVcenter(t)
	module, client := center.open(t, nil, ""), center.client(t)
	create(t, module, volume("data-1"))
	kept, err := module.Snapshot(t.Context(), vendormodules.CopyRequest{
		Key: "kept-1", Name: "kept", Source: "data-1", Tags: vendormodules.Tags{Agency: agencyID},
	})
	if err != nil || kept.Size != 2*quantity.GiB || kept.Type != descriptors.Snapshot {
		t.Fatalf("the snapshot is %+v, %v", kept, err)
	}
	asked := volume("data-2")
	asked.Snapshot, asked.Class.Size = kept.ID, 3*quantity.GiB
	create(t, module, asked)
	for _, device := range hardware(t, client, "data-2").Config.Hardware.Device {
		if disk, is := device.(*types.VirtualDisk); is && disk.CapacityInBytes != int64(3*quantity.GiB) {
			t.Errorf("the volume has %d bytes", disk.CapacityInBytes)
		}
	}
}

// No network has the VLAN or the range of another, and none is deleted that a machine is in.
func TestNetworksAreKeptApart(t *testing.T) {
	center := newVcenter(t)
	module := center.open(t, nil, "vlans: 100..101\nranges: 10.240.0.0/23")
	network := func(key string) vendormodules.Request {
		return request(key, descriptors.Class{Type: descriptors.Network})
	}
	first, second := create(t, module, network("lan-1")), create(t, module, network("lan-2"))
	if first.Addresses[0].Address != "10.240.0.0/24" || second.Addresses[0].Address != "10.240.1.0/24" {
		t.Errorf("the ranges are %+v and %+v", first.Addresses, second.Addresses)
	}
	_, err := module.Create(t.Context(), network("lan-3"))
	wants(t, err, vendormodules.ErrNoCapacity)
	asked := machine("web-1")
	asked.Networks = []string{first.ID, second.ID}
	made := create(t, module, asked)
	if len(made.Addresses) != 2 || made.Addresses[1].Address != "10.240.1.10" || made.Addresses[1].Network != second.ID {
		t.Errorf("its addresses are %+v", made.Addresses)
	}
	wants(t, module.Delete(t.Context(), first.ID), vendormodules.ErrConflict)
	if !module.Describe().Isolation {
		t.Error("networks with VLANs of their own are not isolated")
	}
}

// The password is in no error, description or listing, however things end.
func TestNothingShowsThePassword(t *testing.T) {
	center := newVcenter(t)
	center.password = password + "-wrong"
	module := center.open(t, nil, "")
	var said strings.Builder
	_, err := module.List(t.Context())
	wants(t, err, vendormodules.ErrAuthentication)
	said.WriteString(err.Error())
	err = module.CheckCredential(t.Context(), services.Scope{Vendor: "vsphere"})
	wants(t, err, vendormodules.ErrAuthentication)
	said.WriteString(err.Error())
	center.server.Close()
	_, err = module.List(t.Context())
	wants(t, err, vendormodules.ErrTransient)
	said.WriteString(err.Error())
	if text, err := yaml.Marshal(module.Describe()); err != nil || strings.Contains(said.String()+string(text), password) {
		t.Errorf("it says\n%s\n%s%v", said.String(), text, err)
	}
}

func TestFaultsOfTheConfigurationAreAllReported(t *testing.T) {
	var node yaml.Node
	must(t, yaml.Unmarshal([]byte(`
url: https://agency:secret@vcenter.example.org/sdk
thumbprint: abc
ca: none
cluster: a
resource-pool: b
vlans: 1..5000
ranges: 10.240.0.1/16
public: { range: 10.0.0.0/24, gateway: 10.1.0.1 }
sizes: [ { name: none } ]
colour: red
`), &node))
	err := vsphere.Kind().Check(&node)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Fatal(err)
	}
	for _, part := range []string{
		"url: holds a user", "thumbprint: not a thumbprint", "ca: no certificate", "resource-pool: a cluster", "vlans: 1..5000",
		"ranges: 10.240.0.1/16", "public.gateway: 10.1.0.1", "sizes[0]: a size has", "colour: no such field",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("nothing is said of %q in\n%v", part, err)
		}
	}
}

// A credential whose user lacks a right is not taken, and the right is named with what it is lacked on.
func TestTheMissingPrivilegeIsNamed(t *testing.T) {
	const lacked = "VirtualMachine.Provisioning.Clone"
	center := newVcenter(t)
	module, scope := center.open(t, nil, ""), services.Scope{Vendor: "vsphere"}
	must(t, module.CheckCredential(t.Context(), scope))
	if count := center.count(t); count != 0 {
		t.Errorf("the try has made %d things", count)
	}
	authorization := center.model.Service.Context.Map.Get(*center.client(t).ServiceContent.AuthorizationManager)
	roles := authorization.(*simulator.AuthorizationManager).RoleList
	for index := range roles {
		roles[index].Privilege = slices.DeleteFunc(slices.Clone(roles[index].Privilege), func(one string) bool { return one == lacked })
	}
	err := module.CheckCredential(t.Context(), scope)
	wants(t, err, vendormodules.ErrAuthentication)
	if err == nil || !strings.Contains(err.Error(), "it lacks the privileges "+lacked+" on the folder") {
		t.Errorf("it says %v", err)
	}
}
