//go:build testbed

package docker_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// ask is a request of the suite's classes, with a key never used before.
func ask(kind descriptors.ResourceType, name string) vendormodules.Request {
	return vendormodules.Request{
		Key: "test-" + strings.ToLower(rand.Text()), Name: name, Class: classes()[kind],
		Tags: vendormodules.Tags{Agency: agencyID, Deployment: "shop", Class: string(kind), Agreement: "agreement-1"},
	}
}

// runs creates a resource, waits until it runs, and deletes it when the test ends.
func runs(t *testing.T, module vendormodules.Module, request vendormodules.Request) vendormodules.Resource {
	t.Helper()
	created, err := module.Create(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := module.Delete(context.WithoutCancel(t.Context()), created.ID); err != nil {
			t.Error(err)
		}
	})
	vendortest.Eventually(t, time.Minute, created.ID+" runs", func() (err error) {
		if created, err = module.Get(t.Context(), created.ID); err == nil && created.State != vendormodules.ResourceRunning {
			err = fmt.Errorf("it is %s", created.State)
		}
		return err
	})
	return created
}

// TestSeveralHosts spreads machines that are to be apart over two engines, and keeps together what is joined.
func TestSeveralHosts(t *testing.T) {
	docker, podman := engines()["docker"], engines()["podman"]
	module := open(t, fmt.Sprintf("hosts: [ { endpoint: '%s' }, { endpoint: '%s' } ]", docker, podman), nil)
	t.Cleanup(func() { module.Close() })
	both, err := module.Capacity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	alone := open(t, fmt.Sprintf("hosts: [ { endpoint: '%s' } ]", docker), nil)
	t.Cleanup(func() { alone.Close() })
	if half, err := alone.Capacity(t.Context()); err != nil || half.Times(2) != both {
		t.Errorf("two hosts have %+v, one of them %+v (%v)", both, half, err)
	}
	for range 2 {
		request := ask(descriptors.Compute, "web")
		request.Class.Place.Apart = descriptors.Names{descriptors.ApartMachine}
		if machine := runs(t, module, request); len(machine.Warnings) > 0 {
			t.Errorf("one of two apart warns: %v", machine.Warnings)
		}
	}
	if one, other := docker.count(t), podman.count(t); one != 1 || other != 1 {
		t.Errorf("of two machines that are to be apart %d are at one engine and %d at the other", one, other)
	}
	network, volume := runs(t, module, ask(descriptors.Network, "lan")), runs(t, module, ask(descriptors.Volume, "data"))
	joined := ask(descriptors.Compute, "db")
	joined.Networks, joined.Volumes = []string{network.ID}, []vendormodules.VolumeMount{{Volume: volume.ID, Mount: "/data"}}
	runs(t, module, joined)
}

// TestAMachineKnowsItself looks at what the commands of a machine are told, of which one ends and is started again.
func TestAMachineKnowsItself(t *testing.T) {
	for name, one := range engines() {
		t.Run(name, func(t *testing.T) {
			module := open(t, fmt.Sprintf("hosts: [ { endpoint: '%s' } ]", one), nil)
			t.Cleanup(func() { module.Close() })
			lan, back := runs(t, module, ask(descriptors.Network, "lan")), runs(t, module, ask(descriptors.Network, "back-end"))
			request := ask(descriptors.Compute, "web-1")
			request.Networks = []string{lan.ID, back.ID}
			request.Class.Environment = map[string]string{"TOKEN": "it's planted"}
			request.Class.Run = []string{`echo again >>/again; sleep 1`, `echo "$NAME $ADDRESS $ADDRESS_LAN $ADDRESS_BACK_END $TOKEN"; exec sleep 86400`}
			machine := runs(t, module, request)
			first, second := machine.Addresses[0].Address, machine.Addresses[1].Address
			vendortest.Eventually(t, time.Minute, "the machine tells what it was told", func() error {
				printed := one.run(t, "logs", machine.ID)
				if wanted := fmt.Sprintf("web-1 %s %s %s it's planted", first, first, second); !strings.Contains(printed, wanted) {
					return fmt.Errorf("it prints %q, and not %q", printed, wanted)
				}
				return nil
			})
			vendortest.Eventually(t, time.Minute, "the command that ended is started again", func() error {
				var said bytes.Buffer
				command := vendormodules.Command{Arguments: []string{"cat", "/again"}}
				if _, err := module.Execute(t.Context(), machine.ID, command, &said, &said); err != nil {
					return err
				}
				if strings.Count(said.String(), "again") < 2 {
					return fmt.Errorf("it has run %d times", strings.Count(said.String(), "again"))
				}
				return nil
			})
		})
	}
}
