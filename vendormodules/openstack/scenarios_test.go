package openstack_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/openstack"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// scenarios are conversations with the cloud. They were recorded at the testbed (TestRecord), and are held again with what
// was recorded.
var scenarios = map[string]func(t *testing.T, module *openstack.Module){
	"machine":  machineScenario,
	"pages":    pagesScenario,
	"refusals": refusalsScenario,
}

func request(kind descriptors.ResourceType, key string) vendormodules.Request {
	return vendormodules.Request{
		Key: key, Name: "web-1", Class: descriptors.Class{Type: kind},
		Tags: vendormodules.Tags{Agency: agencyID, Deployment: "webshop", Class: "web", Agreement: "agreement-1"},
	}
}

func running(t *testing.T, module *openstack.Module, id string) vendormodules.Resource {
	t.Helper()
	var shown vendormodules.Resource
	vendortest.Eventually(t, wait, id+" runs", func() (err error) {
		shown, err = module.Get(t.Context(), id)
		if err == nil && shown.State != vendormodules.ResourceRunning {
			err = errors.New(string(shown.State))
		}
		return err
	})
	return shown
}

func isGone(t *testing.T, module *openstack.Module, id string) {
	t.Helper()
	vendortest.Eventually(t, wait, id+" is gone", func() error {
		if _, err := module.Get(t.Context(), id); !errors.Is(err, vendormodules.ErrNotFound) {
			return errors.Join(errors.New("it is there"), err)
		}
		return nil
	})
}

// machineScenario makes a machine that others may reach, and removes it.
func machineScenario(t *testing.T, module *openstack.Module) {
	asked := request(descriptors.Compute, "recorded-machine")
	asked.Class.Run = []string{"web --listen $ADDRESS:8080"}
	asked.Rules = []vendormodules.Rule{
		{Protocol: "tcp", First: 8080, Last: 8080, From: netip.MustParsePrefix("0.0.0.0/0")},
		{Protocol: "tcp", First: 5432, Last: 5432, Class: "db"},
	}
	made, err := module.Create(t.Context(), asked)
	must(t, err)
	shown := running(t, module, made.ID)
	if len(shown.Addresses) != 2 || !shown.Addresses[0].Public || shown.Addresses[1].Public {
		t.Errorf("the machine shows the addresses %+v, and should show a floating one and one inside", shown.Addresses)
	}
	again, err := module.Create(t.Context(), asked)
	if err != nil || again.ID != made.ID {
		t.Errorf("a repeat makes %q (%v), the first made %s", again.ID, err, made.ID)
	}
	if shown.Key != asked.Key || shown.Name != asked.Name || shown.Tags != asked.Tags {
		t.Errorf("it is shown as %+v", shown)
	}
	must(t, module.Delete(t.Context(), made.ID))
	isGone(t, module, made.ID)
}

// severalPages is how many volumes a listing of several pages has.
const severalPages = 5

// pagesScenario lists what is more than a page.
func pagesScenario(t *testing.T, module *openstack.Module) {
	var made []string
	for _, key := range []string{"recorded-a", "recorded-b", "recorded-c", "recorded-d", "recorded-e"} {
		asked := request(descriptors.Volume, key)
		asked.Class.Size = quantity.GiB
		volume, err := module.Create(t.Context(), asked)
		must(t, err)
		made = append(made, volume.ID)
	}
	listed, err := module.List(t.Context())
	must(t, err)
	if len(listed) != severalPages {
		t.Errorf("the list has %d volumes and should have %d", len(listed), severalPages)
	}
	for _, one := range listed {
		if !slices.Contains(made, one.ID) || one.Tags.Agency != agencyID {
			t.Errorf("the list has %+v", one)
		}
	}
	for _, id := range made {
		running(t, module, id)
		must(t, module.Delete(t.Context(), id))
	}
	for _, id := range made {
		isGone(t, module, id)
	}
}

// refusalsScenario asks for what the cloud refuses.
func refusalsScenario(t *testing.T, module *openstack.Module) {
	ctx := t.Context()
	wants := func(what string, sentinel, err error) {
		t.Helper()
		if !errors.Is(err, sentinel) {
			t.Errorf("%s: the error is %v, and should wrap %q", what, err, sentinel)
		}
	}
	create := func(asked vendormodules.Request) error {
		_, err := module.Create(ctx, asked)
		return err
	}
	large := request(descriptors.Volume, "recorded-large")
	large.Class.Size = 20_000 * quantity.GiB
	wants("a volume beyond the quota", vendormodules.ErrQuota, create(large))
	ranged := request(descriptors.Network, "recorded-network")
	ranged.Class.Range = "10.0.0.0/33"
	wants("a network without sense", vendormodules.ErrInvalid, create(ranged))
	imageless := request(descriptors.Compute, "recorded-imageless")
	imageless.Class.Image = "no-such-image"
	wants("an image that is not there", vendormodules.ErrUnsupported, create(imageless))
	lost := request(descriptors.Compute, "recorded-lost")
	lost.Networks = []string{"00000000-0000-0000-0000-000000000000"}
	wants("a network that is not there", vendormodules.ErrNotFound, create(lost))
	told := request(descriptors.Compute, "recorded-told")
	told.Volumes = []vendormodules.VolumeMount{{Volume: "00000000-0000-0000-0000-000000000000", Mount: "/srv"}}
	if err := create(told); !errors.Is(err, vendormodules.ErrInvalid) && !errors.Is(err, vendormodules.ErrNotFound) {
		t.Errorf("a volume that is not there: the error is %v", err)
	}
	left, err := module.List(ctx)
	if err != nil || len(left) > 0 {
		t.Errorf("what was refused left %+v (%v)", left, err)
	}
	_, err = module.Get(ctx, "no-such-id")
	wants("Get of nothing", vendormodules.ErrNotFound, err)
	wants("Stop of nothing", vendormodules.ErrNotFound, module.Stop(ctx, "no-such-id"))
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = module.List(cancelled)
	wants("List with a cancelled context", context.Canceled, err)
}
