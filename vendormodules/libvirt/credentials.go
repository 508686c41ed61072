package libvirt

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/digitalocean/go-libvirt"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/libvirt/link"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// The fields of a credential. One credential serves all hosts of a vendor.
const (
	fieldKey         = "key"
	fieldCertificate = "certificate"
	fieldAuthority   = "authority"
	fieldHostKey     = "host-key"
	fieldPassword    = "password"
)

// credentialFields are what the hosts' transports want; none for local sockets.
func (m *Module) credentialFields() map[descriptors.ResourceType][]vendormodules.CredentialField {
	var fields []vendormodules.CredentialField
	add := func(name, help string, secret bool) {
		for _, one := range fields {
			if one.Name == name {
				return
			}
		}
		fields = append(fields, vendormodules.CredentialField{Name: name, Help: help, Secret: secret})
	}
	for _, one := range m.hosts {
		switch one.address.Transport {
		case link.TLS:
			add(fieldKey, "the client's private key, PEM", true)
			add(fieldCertificate, "the client's certificate, PEM", false)
			add(fieldAuthority, "the certificate of whoever signed the host's, PEM", false)
		case link.SSH:
			add(fieldKey, "the private key to log in with, PEM, without a passphrase", true)
			add(fieldPassword, "the password to log in with, where there is no key", true)
			add(fieldHostKey, "the host's public key: ssh-ed25519 AAAA...", false)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	needed := map[descriptors.ResourceType][]vendormodules.CredentialField{}
	for _, one := range m.configuration.Types {
		needed[one] = slices.Clone(fields)
	}
	return needed
}

// identity is what a host wants to see of us.
func (m *Module) identity(ctx context.Context, address link.Address, scope services.Scope) (link.Identity, error) {
	if address.Transport == link.Unix || address.Transport == link.TCP {
		return link.Identity{}, nil
	}
	if m.credentials == nil {
		return link.Identity{}, services.ErrNoCredential
	}
	credential, err := m.credentials.Credential(ctx, scope)
	if err != nil {
		return link.Identity{}, err
	}
	return link.Identity{
		Key: credential[fieldKey], Certificate: credential[fieldCertificate], Authority: credential[fieldAuthority],
		HostKey: credential[fieldHostKey], Password: credential[fieldPassword],
	}, nil
}

// CheckCredential implements vendormodules.CredentialChecker. It connects anew to each host, and sees whether what the
// configuration names is there and whether it may change anything.
func (m *Module) CheckCredential(ctx context.Context, scope services.Scope) error {
	var all error
	for _, one := range m.hosts {
		if err := m.checkHost(ctx, one, scope); err != nil {
			all = errors.Join(all, failed("check the credential for", one.name, err))
		}
	}
	return all
}

func (m *Module) checkHost(ctx context.Context, where *host, scope services.Scope) error {
	trial := link.New(where.address, func(ctx context.Context) (link.Identity, error) {
		return m.identity(ctx, where.address, scope)
	})
	defer trial.Close()
	return trial.Call(ctx, func(daemon *libvirt.Libvirt) error {
		network, err := daemon.NetworkLookupByName(m.configuration.Network)
		if err != nil {
			return fmt.Errorf("network %s: %w", m.configuration.Network, err)
		}
		if active, err := daemon.NetworkIsActive(network); err != nil || active == 0 {
			return errors.Join(err, fmt.Errorf("network %s is not started: %w", m.configuration.Network, vendormodules.ErrConflict))
		}
		pool, err := daemon.StoragePoolLookupByName(where.pool)
		if err != nil {
			return fmt.Errorf("storage pool %s: %w", where.pool, err)
		}
		// A definition that says nothing is refused as such by a daemon that would take another.
		if _, err = daemon.StorageVolCreateXML(pool, "<volume/>", 0); answers(err, libvirt.ErrXMLError, libvirt.ErrXMLDetail) {
			return nil
		}
		return err
	})
}
