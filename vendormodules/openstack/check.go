package openstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	agency "github.com/cloud-agency/agency/vendormodules/services"
)

// CheckCredential implements vendormodules.CredentialChecker. It signs in anew, asks every service that the offered types
// need for the least it can tell, and says of all that is missing what it is.
func (m *Module) CheckCredential(ctx context.Context, scope agency.Scope) error {
	err := m.checkCredential(ctx, scope)
	if err != nil {
		return fmt.Errorf("openstack: try the credential of %s: %w", scope, translate(err))
	}
	return nil
}

func (m *Module) checkCredential(ctx context.Context, scope agency.Scope) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	credential, err := m.credential(ctx, scope)
	if err != nil {
		return err
	}
	s, err := m.signIn(ctx, credential)
	if err != nil {
		return err
	}
	lacks := m.lacking(s)
	probes := m.probes(s)
	answers := make([]string, len(probes))
	group, ctx := errgroup.WithContext(ctx)
	for index, one := range probes {
		group.Go(func() (err error) {
			answers[index], err = one.try(ctx)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, answer := range answers {
		if answer != "" {
			lacks = append(lacks, answer)
		}
	}
	if len(lacks) > 0 {
		return fmt.Errorf("%s: %w", strings.Join(lacks, "; "), vendormodules.ErrAuthentication)
	}
	return nil
}

// lacking is what the token itself says to be missing.
func (m *Module) lacking(s *session) []string {
	var lacks []string
	_, isV3 := s.provider.GetAuthResult().(tokens.CreateResult)
	if s.project.ID == "" && isV3 {
		lacks = append(lacks, "the credential is for no project; choose one, or an application credential, which has one")
	}
	names := make([]string, 0, len(s.roles))
	for _, role := range s.roles {
		names = append(names, role.Name)
	}
	slices.Sort(names)
	if len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return name != "reader" }) {
		lacks = append(lacks, "the role member in project "+s.project.Name+", where it has reader alone")
	}
	for _, one := range []struct {
		kind  descriptors.ResourceType
		has   bool
		names service
	}{
		{descriptors.Compute, s.image != nil, imageService},
		{descriptors.Volume, s.volume != nil, volumeService},
		{descriptors.Network, s.network != nil, networkService},
		{descriptors.LoadBalancer, s.balancer != nil, balancerService},
	} {
		if m.configuration.offers(one.kind) && !one.has {
			lacks = append(lacks, fmt.Sprintf("a %s service in the catalogue of region %q, for %s; or leave that out of types",
				one.names, m.configuration.Region, one.kind))
		}
	}
	return lacks
}

// probe is the least that a service can be asked.
type probe struct {
	client *gophercloud.ServiceClient
	path   []string
	// right is what is needed where it refuses.
	right string
}

func (m *Module) probes(s *session) []probe {
	all := []probe{
		{s.compute, []string{"servers"}, "to use machines (the role member)"},
		{s.image, []string{"images"}, "to see images (the role member)"},
		{s.volume, []string{"volumes"}, "to use volumes (the role member)"},
		{s.network, []string{"ports"}, "to use networks (the role member)"},
		{s.balancer, []string{"lbaas", "loadbalancers"}, "to use load balancers (the role load-balancer_member)"},
	}
	return slices.DeleteFunc(all, func(one probe) bool { return one.client == nil })
}

// try asks, and says what right is missing; nothing if none is.
func (p probe) try(ctx context.Context) (string, error) {
	_, _, err := gophercloud.ParseResponse(p.client.Get(ctx, p.client.ServiceURL(p.path...)+"?limit=1", nil, //nolint:bodyclose // the SDK closes it
		&gophercloud.RequestOpts{OkCodes: []int{http.StatusOK, http.StatusNonAuthoritativeInfo}}))
	err = translate(err)
	if errors.Is(err, vendormodules.ErrAuthentication) {
		return "the right " + p.right, nil
	}
	return "", err
}
