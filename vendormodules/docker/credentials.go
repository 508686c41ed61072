package docker

import (
	"context"
	"errors"

	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// CheckCredential implements vendormodules.CredentialChecker: every host must take the credential, by a connection made
// for that alone. A socket of this machine wants none.
func (m *Module) CheckCredential(ctx context.Context, scope services.Scope) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	_, err := each(ctx, m.hosts, func(ctx context.Context, at *host) (struct{}, error) {
		var credential services.Credential
		var err error
		if scheme(at.Endpoint) != "unix" {
			credential, err = m.credential(ctx, scope)
		}
		if err != nil {
			return struct{}{}, err
		}
		engine, end, err := at.dial(ctx, credential)
		if err == nil {
			err = errors.Join(engine.Close(), end())
		}
		return struct{}{}, failed(err, "reach %s", at.Endpoint)
	})
	return failed(err, "check the credential")
}

func isNone(err error) bool { return errors.Is(err, services.ErrNoCredential) }

func asRefusal(err error, refusal *sla.Refusal) bool { return errors.As(err, refusal) }
