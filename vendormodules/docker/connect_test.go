package docker

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// TestASilentHostKeepsNobodyWaiting lets one caller wait for a host that takes connections and says nothing, and
// another, whose time is over, behind him.
func TestASilentHostKeepsNobodyWaiting(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	through, err := newTunnel("ssh://agency@"+listener.Addr().String(), services.Credential{
		fieldSSHKey: services.NewSecret(string(pem.EncodeToMemory(block))),
	})
	if err != nil {
		t.Fatal(err)
	}
	patient, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	waited := make(chan error, 1)
	go func() {
		_, err := through.dial(patient, "", "")
		waited <- err
	}()
	silent, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	hurried, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := through.dial(hurried, "", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("who has no time hears %v", err)
	}
	giveUp()
	if err := <-waited; !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up hears %v", err)
	}
	if err := through.Close(); err != nil {
		t.Error(err)
	}
}
