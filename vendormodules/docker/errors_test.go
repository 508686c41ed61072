package docker

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/containerd/errdefs"

	"github.com/cloud-agency/agency/vendormodules"
)

func TestWhatEnginesSayMeansOneOfTheContractsErrors(t *testing.T) {
	for _, one := range []struct {
		said  error
		means error
	}{
		{errdefs.ErrNotFound, vendormodules.ErrNotFound},
		{errdefs.ErrConflict, vendormodules.ErrConflict},
		{errdefs.ErrUnauthenticated, vendormodules.ErrAuthentication},
		{errdefs.ErrInvalidArgument, vendormodules.ErrInvalid},
		{errdefs.ErrResourceExhausted, vendormodules.ErrTransient},
		{errdefs.ErrInternal, vendormodules.ErrTransient},
		{fmt.Errorf("Pool overlaps with other one on this address space: %w", errdefs.ErrPermissionDenied), vendormodules.ErrConflict},
		{fmt.Errorf("write /x: no space left on device: %w", errdefs.ErrInternal), vendormodules.ErrNoCapacity},
		{errors.New("remote error: tls: unknown certificate authority"), vendormodules.ErrAuthentication},
		{errors.New("unable to upgrade to tcp, received 503"), vendormodules.ErrTransient},
		{context.Canceled, context.Canceled},
	} {
		if err := failed(fmt.Errorf("engine: %w", one.said), "do it"); !errors.Is(err, one.means) || !errors.Is(err, one.said) {
			t.Errorf("%v comes out as %v; should be %v too", one.said, err, one.means)
		}
	}
	if err := failed(nil, "do it"); err != nil {
		t.Errorf("no error comes out as %v", err)
	}
}
