package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/crypto/ssh"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// Identity is what a daemon, or the way to it, wants to see. A local socket and plain TCP want nothing.
type Identity struct {
	// Key and Certificate, both PEM, are the client's own for TLS. Key alone is the one to log in with, for SSH.
	Key, Certificate services.Secret
	// Authority is the PEM of whoever signed the daemon's certificate.
	Authority services.Secret
	// HostKey is the public key by which an SSH host is known, as a line of OpenSSH's: ssh-ed25519 AAAA...
	HostKey services.Secret
	// Password to log in with, for SSH; empty with a key.
	Password services.Secret
}

// ErrIdentity says that an identity is missing, makes no sense, or is not taken.
var ErrIdentity = errors.New("identity")

// dial opens a way to a daemon. It says nothing over it.
func dial(ctx context.Context, address Address, identity Identity) (net.Conn, error) {
	var dialer net.Dialer
	switch address.Transport {
	case Unix:
		return dialer.DialContext(ctx, "unix", address.Socket)
	case TCP:
		return dialer.DialContext(ctx, "tcp", address.Endpoint)
	}
	secure := overTLS
	if address.Transport == SSH {
		secure = overSSH
	}
	plain, err := dialer.DialContext(ctx, "tcp", address.Endpoint)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { plain.Close() }) // the handshakes know no contexts
	defer stop()
	connection, err := secure(ctx, plain, address, identity)
	if err != nil {
		plain.Close()
		return nil, errors.Join(err, ctx.Err())
	}
	return connection, nil
}

func overTLS(ctx context.Context, plain net.Conn, address Address, identity Identity) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address.Endpoint)
	if err != nil {
		return nil, err
	}
	own, err := tls.X509KeyPair([]byte(identity.Certificate.Reveal()), []byte(identity.Key.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("%w: the client's certificate and key are not a pair of PEM blocks", ErrIdentity)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(identity.Authority.Reveal())) {
		return nil, fmt.Errorf("%w: the authority is no PEM certificate", ErrIdentity)
	}
	connection := tls.Client(plain, &tls.Config{
		Certificates: []tls.Certificate{own}, RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12,
	})
	if err := connection.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	// The daemon then says in one byte whether it takes the certificate.
	verdict := make([]byte, 1)
	if _, err := io.ReadFull(connection, verdict); err != nil || verdict[0] != 1 {
		return nil, fmt.Errorf("%w: the daemon does not take the client's certificate", ErrIdentity)
	}
	return connection, nil
}

func overSSH(_ context.Context, plain net.Conn, address Address, identity Identity) (net.Conn, error) {
	known, _, _, _, err := ssh.ParseAuthorizedKey([]byte(identity.HostKey.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("%w: the host key is not as OpenSSH writes it", ErrIdentity)
	}
	var methods []ssh.AuthMethod
	if key := identity.Key.Reveal(); key != "" {
		signer, err := ssh.ParsePrivateKey([]byte(key))
		if err != nil {
			return nil, fmt.Errorf("%w: the private key is no unencrypted PEM block", ErrIdentity)
		}
		methods = append(methods, ssh.PublicKeys(signer))
	}
	if password := identity.Password.Reveal(); password != "" {
		methods = append(methods, ssh.Password(password))
	}
	connection, channels, requests, err := ssh.NewClientConn(plain, address.Endpoint, &ssh.ClientConfig{
		User: address.User, Auth: methods, HostKeyCallback: ssh.FixedHostKey(known), HostKeyAlgorithms: algorithms(known),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	client := ssh.NewClient(connection, channels, requests)
	socket, err := client.Dial("unix", address.Socket)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("socket %s at %s: %w", address.Socket, address.Endpoint, err), client.Close())
	}
	return tunnel{socket, client}, nil
}

// algorithms are those by which a host shows the key that it is known by, and not another of its own.
func algorithms(known ssh.PublicKey) []string {
	if known.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{known.Type()}
}

// tunnel closes the way together with what it leads to.
type tunnel struct {
	net.Conn
	client *ssh.Client
}

// Close implements net.Conn.
func (t tunnel) Close() error { return errors.Join(t.Conn.Close(), t.client.Close()) }
