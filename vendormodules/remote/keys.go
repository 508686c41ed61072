package remote

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/cloud-agency/agency/vendormodules/cloudinit"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Keys are those of one account of a cloud.
type Keys struct{ secret services.Key }

// OpenKeys reads the account's secret from a file, which it makes at the first use.
func OpenKeys(path string) (Keys, error) {
	secret, err := services.LoadOrCreateKey(path)
	return Keys{secret}, err
}

// Login is the public key by which the module logs in, as in authorized_keys.
func (k Keys) Login() (string, error) {
	signer, err := k.signer("login")
	if err != nil {
		return "", err
	}
	return authorized(signer), nil
}

// HostKey is that of the SSH server in the machine that was made for a request's key.
func (k Keys) HostKey(key string) (cloudinit.HostKey, error) {
	private, err := k.derive("host " + key)
	if err != nil {
		return cloudinit.HostKey{}, err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return cloudinit.HostKey{}, fmt.Errorf("host key of %s: %w", key, err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return cloudinit.HostKey{}, fmt.Errorf("host key of %s: %w", key, err)
	}
	return cloudinit.HostKey{Private: services.NewSecret(string(pem.EncodeToMemory(block))), Public: authorized(signer)}, nil
}

func (k Keys) derive(purpose string) (ed25519.PrivateKey, error) {
	seed, err := k.secret.Derive("ssh " + purpose)
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed([]byte(seed.Reveal())), nil
}

func (k Keys) signer(purpose string) (ssh.Signer, error) {
	private, err := k.derive(purpose)
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(private)
}

func authorized(signer ssh.Signer) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}
