package vendor

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

const (
	// tryWithin bounds the trial of all credentials, so that who asked is answered within its own patience.
	tryWithin = 7 * time.Second
	// triesAtOnce bounds the credentials tried at the same time.
	triesAtOnce = 4
)

// tryCredentials tries at the cloud whatever is stored, as far as the module can.
func (a *Agent) tryCredentials(ctx context.Context) (proto.CredentialReport, error) {
	stored, err := a.Vault.List(ctx)
	if err != nil {
		return proto.CredentialReport{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	report := proto.CredentialReport{
		Vendor: a.name, Needs: fieldsNeeded(a.description), Checks: make([]proto.CredentialCheck, len(stored)),
	}
	var group errgroup.Group
	group.SetLimit(triesAtOnce)
	for i, credential := range stored {
		group.Go(func() error {
			report.Checks[i] = a.tryCredential(ctx, credential, report.Needs)
			return nil
		})
	}
	return report, group.Wait()
}

func (a *Agent) tryCredential(
	ctx context.Context, stored services.Stored, needs map[descriptors.ResourceType][]string,
) proto.CredentialCheck {
	check := proto.CredentialCheck{Scope: stored.Scope, Missing: fieldsMissing(needs, stored.Fields)}
	switch {
	case len(check.Missing) > 0:
		check.State = proto.CredentialIncomplete
	case a.abilities.Credentials == nil && len(needs) == 0:
		check.State, check.Message = proto.CredentialUntried, "the module "+a.description.Kind+" needs no credential"
	case a.abilities.Credentials == nil:
		check.State, check.Message = proto.CredentialUntried, "the module "+a.description.Kind+" cannot try credentials"
	default:
		err := a.abilities.Credentials.CheckCredential(ctx, stored.Scope)
		check.State = stateOfTrial(err)
		if err != nil {
			check.Message = err.Error()
		}
	}
	return check
}

func stateOfTrial(err error) proto.CredentialState {
	switch {
	case err == nil:
		return proto.CredentialWorks
	case errors.Is(err, vendormodules.ErrAuthentication), errors.Is(err, services.ErrNoCredential):
		return proto.CredentialRefused
	}
	return proto.CredentialUntried
}

// fieldsNeeded are the names of the fields that a module needs, sorted, by the type that needs them.
func fieldsNeeded(description vendormodules.Description) map[descriptors.ResourceType][]string {
	needed := map[descriptors.ResourceType][]string{}
	for kind, fields := range description.Credentials {
		for _, field := range fields {
			needed[kind] = append(needed[kind], field.Name)
		}
		slices.Sort(needed[kind])
	}
	return needed
}

func fieldsMissing(needed map[descriptors.ResourceType][]string, stored []string) map[descriptors.ResourceType][]string {
	missing := map[descriptors.ResourceType][]string{}
	for kind, fields := range needed {
		for _, field := range fields {
			if !slices.Contains(stored, field) {
				missing[kind] = append(missing[kind], field)
			}
		}
	}
	return missing
}
