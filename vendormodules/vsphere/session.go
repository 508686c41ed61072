package vsphere

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/vmware/govmomi/performance"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// connection is one session with vCenter, and where in its inventory everything goes.
type connection struct {
	*vim25.Client

	sessions *session.Manager
	place    place
	// counters remembers what vCenter calls its counters.
	counters *performance.Manager
}

// lifetime is how long a session serves at the most, if vCenter does not end it before.
const lifetime = 24 * time.Hour

// do runs work in the session that serves all calls. When vCenter has let that expire, in another.
func (m *Module) do(ctx context.Context, what string, work func(c *connection) error) error {
	for again := true; ; again = false {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("vsphere: %s: %w", what, err)
		}
		c, _, err := m.sessions.Get(ctx)
		if err == nil {
			err = work(c)
		}
		if again && isFault(err, "NotAuthenticated") {
			m.sessions.Forget()
			continue
		}
		if err = mapped(err); err != nil {
			return fmt.Errorf("vsphere: %s: %w", what, err)
		}
		return nil
	}
}

// open begins a session with the vendor's credential and finds where everything goes.
func (m *Module) open(ctx context.Context) (*connection, error) {
	c, err := m.login(ctx, services.Scope{Vendor: m.environment.Vendor})
	if err != nil {
		return nil, err
	}
	if c.place, err = m.findPlace(ctx, c, true); err != nil {
		return nil, errors.Join(err, c.sessions.Logout(ctx))
	}
	m.current.Store(c)
	return c, nil
}

// login begins a session with the credential of a scope.
func (m *Module) login(ctx context.Context, scope services.Scope) (*connection, error) {
	credential, err := m.environment.Credentials.Credential(ctx, scope)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	endpoint, err := url.Parse(m.configuration.URL)
	if err != nil {
		return nil, fmt.Errorf("url: %w", vendormodules.ErrInvalid) // it was read
	}
	transport := soap.NewClient(endpoint, false)
	m.trust(transport, endpoint)
	client, err := vim25.NewClient(ctx, transport)
	if err != nil {
		return nil, err
	}
	sessions := session.NewManager(client)
	user := url.UserPassword(credential[fieldUser].Reveal(), credential[fieldPassword].Reveal())
	if err := sessions.Login(ctx, user); err != nil {
		return nil, err
	}
	return &connection{Client: client, sessions: sessions, counters: performance.NewManager(client)}, nil
}

// trust lets a client take the certificate that the configuration names; otherwise it goes the way of all modules.
func (m *Module) trust(client *soap.Client, endpoint *url.URL) {
	switch {
	case m.configuration.Thumbprint != "":
		client.SetThumbprint(endpoint.Host, m.configuration.Thumbprint)
	case m.configuration.CA != "":
		certificates := x509.NewCertPool()
		certificates.AppendCertsFromPEM([]byte(m.configuration.CA)) // which was tried when it was read
		client.DefaultTransport().TLSClientConfig.RootCAs = certificates
	case m.environment.HTTP != nil:
		client.Client.Transport = m.environment.HTTP
	default:
		client.Client.Transport = http.DefaultTransport
	}
}

// logoutPatience is how long the end of a session may take.
const logoutPatience = 2 * time.Second

// Close implements vendormodules.Module. It ends the session; all that is at the cloud stays.
func (m *Module) Close() error {
	c := m.current.Swap(nil)
	m.sessions.Forget()
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), logoutPatience)
	defer cancel()
	_ = c.sessions.Logout(ctx) // vCenter ends it by itself otherwise
	return nil
}
