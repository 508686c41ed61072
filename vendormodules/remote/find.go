package remote

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// port is that of SSH servers.
const port = 22

// Shown finds machines by what their module shows of them: at a public address, else at one in no network of the
// agency's, else at any.
func Shown(get func(ctx context.Context, id string) (vendormodules.Resource, error)) Find {
	return func(ctx context.Context, id string) (Machine, error) {
		shown, err := get(ctx, id)
		switch {
		case err != nil:
			return Machine{}, err
		case shown.Type != descriptors.Compute:
			return Machine{}, fmt.Errorf("%s is a %s: %w", id, shown.Type, vendormodules.ErrNotFound)
		case shown.State != vendormodules.ResourceRunning:
			return Machine{}, fmt.Errorf("%s is %s: %w", id, shown.State, vendormodules.ErrConflict)
		case len(shown.Addresses) == 0:
			return Machine{}, fmt.Errorf("%s has no address: %w", id, vendormodules.ErrConflict)
		}
		best := slices.MinFunc(shown.Addresses, func(a, b vendormodules.Address) int {
			return cmp.Compare(distance(a), distance(b))
		})
		return Machine{Address: net.JoinHostPort(best.Address, strconv.Itoa(port)), Key: shown.Key}, nil
	}
}

func distance(of vendormodules.Address) int {
	switch {
	case of.Public:
		return 0
	case of.Network == "":
		return 1
	}
	return 2
}
