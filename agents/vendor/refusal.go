package vendor

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloud-agency/agency/descriptors/lifecycle"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

func refusalf(code sla.RefusalCode, format string, arguments ...any) *sla.Refusal {
	return &sla.Refusal{Code: code, Message: fmt.Sprintf(format, arguments...)}
}

// refusalOf says in the protocol's words what went wrong at the cloud or in the services.
func refusalOf(err error) *sla.Refusal {
	var refusal sla.Refusal
	if errors.As(err, &refusal) {
		return &refusal
	}
	codes := []struct {
		sentinel error
		code     sla.RefusalCode
	}{
		{vendormodules.ErrNotFound, sla.RefusedNotFound},
		{vendormodules.ErrQuota, sla.RefusedQuota},
		{vendormodules.ErrNoCapacity, sla.RefusedCapacity},
		{vendormodules.ErrUnsupported, sla.RefusedUnsupported},
		{vendormodules.ErrAuthentication, sla.RefusedCredentials},
		{vendormodules.ErrConflict, sla.RefusedConflict},
		{vendormodules.ErrInvalid, sla.RefusedBadRequest},
		{vendormodules.ErrTransient, sla.RefusedUnavailable},
		{services.ErrNoCredential, sla.RefusedCredentials},
		{errSuperseded, sla.RefusedConflict},
		{lifecycle.ErrIllegalMove, sla.RefusedState},
		{context.DeadlineExceeded, sla.RefusedUnavailable},
	}
	for _, entry := range codes {
		if errors.Is(err, entry.sentinel) {
			return &sla.Refusal{Code: entry.code, Message: err.Error()}
		}
	}
	return &sla.Refusal{Code: sla.RefusedInternal, Message: err.Error()}
}
