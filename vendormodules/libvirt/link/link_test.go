package link

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/digitalocean/go-libvirt"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/cloud-agency/agency/vendormodules/services"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAddresses(t *testing.T) {
	for text, wanted := range map[string]Address{
		"qemu:///system":               {Transport: Unix, Socket: defaultSocket, Driver: "qemu:///system"},
		"test:///default?socket=/s":    {Transport: Unix, Socket: "/s", Driver: "test:///default"},
		"qemu://attic/system":          {Transport: TLS, Endpoint: "attic:16514", Driver: "qemu:///system"},
		"qemu+tcp://[::1]:99/system":   {Transport: TCP, Endpoint: "[::1]:99", Driver: "qemu:///system"},
		"qemu+ssh://me@attic/session":  {Transport: SSH, Endpoint: "attic:22", User: "me", Socket: defaultSocket, Driver: "qemu:///session"},
		"qemu+ssh://a:22/s?socket=/s2": {Transport: SSH, Endpoint: "a:22", Socket: "/s2", Driver: "qemu:///s"},
	} {
		if read, err := ParseAddress(text); err != nil || read != wanted {
			t.Errorf("%s is read as %+v (%v)", text, read, err)
		}
	}
	for _, text := range []string{"", "qemu", "qemu+tls:///system", "qemu+unix://attic/system", "qemu:///system?socket=s", "qemu+ssh://a:b@c/system"} {
		if read, err := ParseAddress(text); err == nil {
			t.Errorf("%q is read as %+v", text, read)
		}
	}
}

const planted = "planted-7f3a"

// TestSecretsStayInside tries identities that cannot be right on every way that takes one.
func TestSecretsStayInside(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	known, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	server := &ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
		return nil, errors.New("no")
	}}
	server.AddHostKey(signer)
	hostKey := services.NewSecret(string(ssh.MarshalAuthorizedKey(known)))
	secret := services.NewSecret("-----BEGIN PRIVATE KEY-----\n" + planted + "\n-----END PRIVATE KEY-----\n")
	for name, one := range map[string]struct {
		transport Transport
		identity  Identity
	}{
		"TLS key":      {TLS, Identity{Key: secret, Certificate: secret, Authority: secret}},
		"SSH key":      {SSH, Identity{Key: secret, HostKey: hostKey}},
		"SSH password": {SSH, Identity{Password: services.NewSecret(planted), HostKey: hostKey}},
		"SSH host key": {SSH, Identity{Key: secret, HostKey: services.NewSecret(planted)}},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			defer connection.Close()
			ssh.NewServerConn(connection, server)
		}()
		tried := New(Address{Transport: one.transport, Endpoint: listener.Addr().String(), User: "me", Socket: "/s", Driver: "qemu:///system"},
			func(context.Context) (Identity, error) { return one.identity, nil })
		err = tried.Call(t.Context(), func(*libvirt.Libvirt) error { return nil })
		if !errors.Is(err, ErrIdentity) || strings.Contains(err.Error(), planted) {
			t.Errorf("%s: %v", name, err)
		}
		tried.Close()
		listener.Close()
		<-served
	}
}

// TestALinkThatIsCancelled waits on a daemon that never answers no longer than its context does.
func TestALinkThatIsCancelled(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if connection, err := listener.Accept(); err == nil {
			connection.Read(make([]byte, 1)) // it has begun to talk
			cancel()
			connection.Read(make([]byte, 1<<10))
			connection.Read(make([]byte, 1))
			connection.Close()
		}
	}()
	silent := New(Address{Transport: TCP, Endpoint: listener.Addr().String(), Driver: "qemu:///system"},
		func(context.Context) (Identity, error) { return Identity{}, nil })
	if err := silent.Call(ctx, func(*libvirt.Libvirt) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	silent.Close()
	if err := silent.Call(t.Context(), func(*libvirt.Libvirt) error { return nil }); !errors.Is(err, errClosed) {
		t.Errorf("after Close the error is %v", err)
	}
}
