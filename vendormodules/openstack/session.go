package openstack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/cloud-agency/agency/vendormodules"
	agency "github.com/cloud-agency/agency/vendormodules/services"
)

// session is one token and what it opens. A service that the cloud has not got is nil.
type session struct {
	provider *gophercloud.ProviderClient
	// project and its name; roles that the token has in it.
	project tokens.Project
	roles   []tokens.Role

	compute, image, volume, network, balancer, metric *gophercloud.ServiceClient
}

// sessions keeps one session for each credential, whatever its scope: a login costs more than most calls.
type sessions struct {
	mutex sync.Mutex
	kept  map[[sha256.Size]byte]*signing
}

// signing is a session, or who is about to make it.
type signing struct {
	turn    chan struct{} // holds one token: whoever has it may sign in
	session *session
}

func newSessions() *sessions { return &sessions{kept: map[[sha256.Size]byte]*signing{}} }

func (s *sessions) of(credential agency.Credential) *signing {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	print := fingerprint(credential)
	kept, found := s.kept[print]
	if !found {
		kept = &signing{turn: make(chan struct{}, 1)}
		s.kept[print] = kept
	}
	return kept
}

// fingerprint tells credentials apart without keeping them.
func fingerprint(credential agency.Credential) [sha256.Size]byte {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(credential)) {
		fmt.Fprintf(&text, "%q=%q\n", name, credential[name].Reveal())
	}
	return sha256.Sum256([]byte(text.String()))
}

// session signs in for a scope, unless somebody has with the same credential. A class may have a credential of its own, but
// it must be of the vendor's project: what was made with it is listed with the vendor's.
func (m *Module) session(ctx context.Context, scope agency.Scope) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.closed.Load() {
		return nil, errClosed
	}
	opened, err := m.signedIn(ctx, scope)
	if err != nil || scope.Class == "" {
		return opened, err
	}
	whole, err := m.signedIn(ctx, agency.Scope{Vendor: scope.Vendor})
	if err != nil {
		return nil, err
	}
	if whole.project.ID != opened.project.ID {
		return nil, fmt.Errorf("the credential of class %s is of project %s, the vendor's is of %s; a vendor has one project: %w",
			scope.Class, opened.project.Name, whole.project.Name, vendormodules.ErrAuthentication)
	}
	return opened, nil
}

func (m *Module) signedIn(ctx context.Context, scope agency.Scope) (*session, error) {
	credential, err := m.credential(ctx, scope)
	if err != nil {
		return nil, err
	}
	signing := m.sessions.of(credential)
	select {
	case signing.turn <- struct{}{}:
		defer func() { <-signing.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if signing.session != nil {
		return signing.session, nil
	}
	opened, err := m.signIn(ctx, credential)
	if err != nil {
		return nil, err
	}
	signing.session = opened
	return opened, nil
}

// credential of a scope; an empty one where a file has it.
func (m *Module) credential(ctx context.Context, scope agency.Scope) (agency.Credential, error) {
	if len(m.configuration.credentialFields()) == 0 {
		return agency.Credential{}, nil
	}
	credential, err := m.environment.Credentials.Credential(ctx, scope)
	if errors.Is(err, agency.ErrNoCredential) {
		return nil, fmt.Errorf("%w: %w", vendormodules.ErrAuthentication, err)
	}
	return credential, err
}

// renewBefore is how long before its end a token is renewed. One that ends sooner than it says is renewed when it is refused.
const renewBefore = time.Minute

// signIn gets a token. Its errors are translated.
func (m *Module) signIn(ctx context.Context, credential agency.Credential) (*session, error) {
	options, endpoints, transport, err := m.signInOptions(credential)
	if err != nil {
		return nil, err
	}
	provider, err := openstack.NewClient(options.IdentityEndpoint)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w: %w", vendormodules.ErrInvalid, err)
	}
	provider.HTTPClient = http.Client{Transport: transport}
	provider.UserAgent.Prepend("cloud-agency")
	provider.ReauthBeforeTokenExpiration = renewBefore
	options.AllowReauth = true
	if err := openstack.Authenticate(ctx, provider, options); err != nil {
		return nil, fmt.Errorf("sign in at %s: %w", options.IdentityEndpoint, unsigned(err))
	}
	opened := &session{provider: provider}
	if result, is := provider.GetAuthResult().(tokens.CreateResult); is { // Keystone v2 answers otherwise
		project, failure := result.ExtractProject()
		roles, others := result.ExtractRoles()
		catalogue, more := result.ExtractServiceCatalog()
		if err := errors.Join(failure, others, more); err != nil {
			return nil, fmt.Errorf("sign in at %s: %w: %w", options.IdentityEndpoint, vendormodules.ErrTransient, err)
		}
		if project != nil {
			opened.project = *project
		}
		opened.roles = roles
		provider.EndpointLocator = func(wanted gophercloud.EndpointOpts) (string, error) {
			return openstack.V3Endpoint(ctx, provider, catalogue, wanted) // the SDK's own would not end with the context
		}
	}
	return opened, m.locate(opened, endpoints)
}

// unsigned translates why somebody is not signed in: what neither the cloud nor the line to it says, the SDK has against
// the credential.
func unsigned(err error) error {
	var answer gophercloud.ErrUnexpectedResponseCode
	var lost *url.Error
	if errors.As(err, &answer) || errors.As(err, &lost) || contractual(err) {
		return translate(err)
	}
	return fmt.Errorf("%w: %w", vendormodules.ErrAuthentication, err)
}

// signInOptions are what a credential and the configuration say together.
func (m *Module) signInOptions(credential agency.Credential) (
	options gophercloud.AuthOptions, endpoints gophercloud.EndpointOpts, transport http.RoundTripper, err error,
) {
	c := m.configuration
	endpoints = gophercloud.EndpointOpts{Region: c.Region, Availability: gophercloud.Availability(c.Interface)}
	transport = m.environment.HTTP
	switch c.SignIn {
	case byClouds:
		return m.cloudsOptions(credential)
	case byPassword:
		options = gophercloud.AuthOptions{
			Username: credential[fieldUser].Reveal(), Password: credential[fieldPassword].Reveal(), DomainName: c.UserDomain,
			TenantName: c.Project, Scope: &gophercloud.AuthScope{ProjectName: c.Project, DomainName: c.ProjectDomain},
		}
	default:
		options = gophercloud.AuthOptions{
			ApplicationCredentialID:     credential[fieldApplicationID].Reveal(),
			ApplicationCredentialSecret: credential[fieldApplicationSecret].Reveal(),
		}
	}
	options.IdentityEndpoint = c.AuthURL
	return options, endpoints, transport, nil
}

// cloudsOptions are what a clouds.yaml says. Its own errors may have its content in them, and are not passed on.
func (m *Module) cloudsOptions(credential agency.Credential) (
	options gophercloud.AuthOptions, endpoints gophercloud.EndpointOpts, transport http.RoundTripper, err error,
) {
	c := m.configuration
	where := clouds.WithLocations(c.CloudsFile)
	if c.CloudsFile == "" {
		where = clouds.WithCloudsYAML(strings.NewReader(credential[fieldClouds].Reveal()))
	}
	options, endpoints, encryption, err := clouds.Parse(where, clouds.WithCloudName(c.Cloud), clouds.WithRegion(c.Region), clouds.WithEndpointType(c.Interface))
	if err != nil || options.IdentityEndpoint == "" {
		return options, endpoints, nil, fmt.Errorf("the clouds.yaml cannot be read, or has no cloud %q with an auth_url: %w", c.Cloud, vendormodules.ErrAuthentication)
	}
	if options.Username != "" && options.DomainID == "" && options.DomainName == "" {
		options.DomainName = c.UserDomain
	}
	if scope := options.Scope; scope != nil && scope.ProjectName != "" && scope.DomainID == "" && scope.DomainName == "" {
		scope.DomainName = c.ProjectDomain
	}
	transport = m.environment.HTTP
	if encryption != nil && (encryption.RootCAs != nil || len(encryption.Certificates) > 0 || encryption.InsecureSkipVerify) {
		plain, is := transport.(*http.Transport)
		if !is {
			return options, endpoints, nil, fmt.Errorf("the clouds.yaml wants certificates of its own, which the agency cannot use here: %w", vendormodules.ErrUnsupported)
		}
		own := plain.Clone()
		own.TLSClientConfig = encryption
		transport = own
	}
	return options, endpoints, transport, nil
}

// locate finds the services: where the configuration says, else in the catalogue.
func (m *Module) locate(opened *session, endpoints gophercloud.EndpointOpts) error {
	for _, one := range []struct {
		service service
		client  **gophercloud.ServiceClient
		find    func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
	}{
		{computeService, &opened.compute, openstack.NewComputeV2},
		{imageService, &opened.image, openstack.NewImageV2},
		{volumeService, &opened.volume, openstack.NewBlockStorageV3},
		{networkService, &opened.network, openstack.NewNetworkV2},
		{balancerService, &opened.balancer, openstack.NewLoadBalancerV2},
		{metricService, &opened.metric, newMetric},
	} {
		address, told := m.configuration.Endpoints[one.service]
		if told && address == "" {
			continue
		}
		located := *opened.provider
		if told {
			located.EndpointLocator = func(gophercloud.EndpointOpts) (string, error) { return gophercloud.NormalizeURL(address), nil }
		}
		client, err := one.find(&located, endpoints)
		var absent *gophercloud.ErrEndpointNotFound
		switch {
		case err == nil:
			client.ProviderClient = opened.provider
			*one.client = client
		case !errors.As(err, &absent):
			return fmt.Errorf("find the %s service: %w", one.service, translate(err))
		}
	}
	if opened.compute == nil {
		return fmt.Errorf("the catalogue of region %q has no compute service: %w", m.configuration.Region, vendormodules.ErrUnsupported)
	}
	return nil
}

// newMetric finds Gnocchi, which the SDK knows nothing of.
func newMetric(provider *gophercloud.ProviderClient, endpoints gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error) {
	endpoints.ApplyDefaults("metric")
	address, err := provider.EndpointLocator(endpoints)
	if err != nil {
		return nil, err
	}
	return &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: address, Type: "metric", ResourceBase: strings.TrimSuffix(address, "v1/") + "v1/"}, nil
}
