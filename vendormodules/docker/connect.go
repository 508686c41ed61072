package docker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// The fields of a credential.
const (
	fieldCA, fieldCertificate, fieldKey      = "ca", "certificate", "key"
	fieldSSHKey, fieldSSHHostKey             = "ssh-key", "ssh-host-key"
	fieldRegistryUser, fieldRegistryPassword = "registry-user", "registry-password"
)

// credentialFields are what the engines of a configuration want to be shown.
func (c configuration) credentialFields() []vendormodules.CredentialField {
	var fields []vendormodules.CredentialField
	if c.needsTLS() {
		fields = append(fields,
			vendormodules.CredentialField{Name: fieldCA, Help: "certificate of who signs the engines' certificates, PEM"},
			vendormodules.CredentialField{Name: fieldCertificate, Help: "client certificate that the engines take, PEM"},
			vendormodules.CredentialField{Name: fieldKey, Help: "its private key, PEM", Secret: true})
	}
	if c.uses("ssh://") {
		fields = append(fields,
			vendormodules.CredentialField{Name: fieldSSHKey, Help: "private key that the hosts take, as OpenSSH writes it", Secret: true},
			vendormodules.CredentialField{Name: fieldSSHHostKey, Help: "the hosts' public keys, one a line, as in known_hosts behind the name"})
	}
	return fields
}

func scheme(endpoint string) string {
	before, _, _ := strings.Cut(endpoint, "://")
	return before
}

// secure is how an engine is spoken to by TCP.
func secure(credential services.Credential) (*tls.Config, error) {
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM([]byte(credential[fieldCA].Reveal())) {
		return nil, fmt.Errorf("the credential's %s is no certificate: %w", fieldCA, vendormodules.ErrAuthentication)
	}
	pair, err := tls.X509KeyPair([]byte(credential[fieldCertificate].Reveal()), []byte(credential[fieldKey].Reveal()))
	if err != nil {
		return nil, fmt.Errorf("the credential's %s and %s: %w: %w", fieldCertificate, fieldKey, err, vendormodules.ErrAuthentication)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities, Certificates: []tls.Certificate{pair}}, nil
}

// tunnel leads to the socket of an engine through SSH.
type tunnel struct {
	address, socket string
	configuration   *ssh.ClientConfig

	// opening holds a token while nobody uses connection.
	opening    chan struct{}
	connection *ssh.Client
}

// newTunnel reads what is needed for a tunnel; dial begins it.
func newTunnel(endpoint string, credential services.Credential) (*tunnel, error) {
	parsed, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey([]byte(credential[fieldSSHKey].Reveal()))
	if err != nil {
		return nil, fmt.Errorf("the credential's %s: %w: %w", fieldSSHKey, err, vendormodules.ErrAuthentication)
	}
	var known []ssh.PublicKey
	for line := range strings.Lines(credential[fieldSSHHostKey].Reveal()) {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("the credential's %s: %w: %w", fieldSSHHostKey, err, vendormodules.ErrAuthentication)
		}
		known = append(known, key)
	}
	t := &tunnel{address: parsed.Host, socket: parsed.Path, opening: make(chan struct{}, 1)}
	t.opening <- struct{}{}
	if parsed.Port() == "" {
		t.address = net.JoinHostPort(parsed.Hostname(), "22")
	}
	if t.socket == "" || t.socket == "/" {
		t.socket = "/var/run/docker.sock"
	}
	t.configuration = &ssh.ClientConfig{
		User: parsed.User.Username(), Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: oneOf(known),
	}
	return t, nil
}

func oneOf(known []ssh.PublicKey) ssh.HostKeyCallback {
	return func(name string, _ net.Addr, shown ssh.PublicKey) error {
		for _, key := range known {
			if string(key.Marshal()) == string(shown.Marshal()) {
				return nil
			}
		}
		return fmt.Errorf("%s shows the key %s, which the credential does not know: %w",
			name, ssh.FingerprintSHA256(shown), vendormodules.ErrAuthentication)
	}
}

// dial opens a connection to the engine, through the tunnel that is there or a new one.
func (t *tunnel) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	giveBack, err := take(ctx, t.opening)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	if t.connection != nil {
		if opened, err := t.connection.DialContext(ctx, "unix", t.socket); err == nil || ctx.Err() != nil {
			return opened, err
		}
		t.connection.Close() //nolint:errcheck // broken; a new one follows
		t.connection = nil
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	connection, channels, requests, err := ssh.NewClientConn(raw, t.address, t.configuration)
	if !stop() || err != nil {
		return nil, errors.Join(ctx.Err(), sshFault(err), raw.Close())
	}
	t.connection = ssh.NewClient(connection, channels, requests)
	return t.connection.DialContext(ctx, "unix", t.socket)
}

// sshFault tells a refusal from other failures.
func sshFault(err error) error {
	if err != nil && strings.Contains(err.Error(), "unable to authenticate") {
		return fmt.Errorf("%w: %w", vendormodules.ErrAuthentication, err)
	}
	return err
}

// Close waits for whoever opens a connection, and ends the tunnel.
func (t *tunnel) Close() error {
	<-t.opening
	defer func() { t.opening <- struct{}{} }()
	if t.connection == nil {
		return nil
	}
	err := t.connection.Close()
	t.connection = nil
	return err
}
