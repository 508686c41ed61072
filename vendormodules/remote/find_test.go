package remote_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/remote"
)

func TestShown(t *testing.T) {
	private, shared := vendormodules.Address{Address: "10.1.0.2", Network: "n"}, vendormodules.Address{Address: "10.9.0.2"}
	public := vendormodules.Address{Address: "192.0.2.7", Public: true}
	running := func(addresses ...vendormodules.Address) vendormodules.Resource {
		return vendormodules.Resource{
			Key: "key-1", Type: descriptors.Compute, State: vendormodules.ResourceRunning, Addresses: addresses,
		}
	}
	stopped, other := running(public), running(public)
	stopped.State, other.Type = vendormodules.ResourceStopped, descriptors.Volume
	for name, one := range map[string]struct {
		shown   vendormodules.Resource
		get     error
		address string
		err     error
	}{
		"public first":     {shown: running(private, shared, public), address: "192.0.2.7:22"},
		"then the cloud's": {shown: running(private, shared), address: "10.9.0.2:22"},
		"then any":         {shown: running(private), address: "10.1.0.2:22"},
		"no address":       {shown: running(), err: vendormodules.ErrConflict},
		"stopped":          {shown: stopped, err: vendormodules.ErrConflict},
		"no machine":       {shown: other, err: vendormodules.ErrNotFound},
		"gone":             {get: vendormodules.ErrNotFound, err: vendormodules.ErrNotFound},
	} {
		found, err := remote.Shown(func(context.Context, string) (vendormodules.Resource, error) { return one.shown, one.get })(t.Context(), "m")
		if found.Address != one.address || !errors.Is(err, one.err) || err == nil && found.Key != "key-1" {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}
