package libvirt

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/digitalocean/go-libvirt"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/libvirt/link"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// failed says what was being done, to what, and which of the contract's errors it met.
func failed(doing, to string, err error) error {
	return fmt.Errorf("libvirt: %s %s: %w", doing, to, classify(err))
}

// classify is the one place where a daemon's errors become those of the contract.
func classify(err error) error {
	for _, known := range []error{
		context.Canceled, context.DeadlineExceeded, vendormodules.ErrNotFound, vendormodules.ErrQuota,
		vendormodules.ErrNoCapacity, vendormodules.ErrUnsupported, vendormodules.ErrAuthentication,
		vendormodules.ErrConflict, vendormodules.ErrTransient, vendormodules.ErrInvalid,
	} {
		if errors.Is(err, known) {
			return err
		}
	}
	switch {
	case errors.Is(err, link.ErrIdentity), errors.Is(err, services.ErrNoCredential):
		return fmt.Errorf("%w: %w", vendormodules.ErrAuthentication, err)
	case errors.Is(err, link.ErrLost), errors.Is(err, libvirt.ErrInterrupted):
		return fmt.Errorf("%w: %w", vendormodules.ErrTransient, err)
	case errors.Is(err, libvirt.ErrUnsupported):
		return fmt.Errorf("%w: %w", vendormodules.ErrUnsupported, err)
	}
	var answer libvirt.Error
	if errors.As(err, &answer) {
		if meant := meaning(answer); meant != nil {
			return fmt.Errorf("%w: %w", meant, err)
		}
	}
	return err
}

// meaning is what of the contract's errors a daemon's answer is; nil if none.
func meaning(answer libvirt.Error) error {
	switch libvirt.ErrorNumber(answer.Code) {
	case libvirt.ErrNoDomain, libvirt.ErrNoNetwork, libvirt.ErrNoStorageVol, libvirt.ErrNoNwfilter:
		return vendormodules.ErrNotFound
	case libvirt.ErrNoSupport, libvirt.ErrConfigUnsupported, libvirt.ErrOperationUnsupported, libvirt.ErrArgumentUnsupported:
		return vendormodules.ErrUnsupported
	case libvirt.ErrAuthFailed, libvirt.ErrAuthCancelled, libvirt.ErrAuthUnavailable, libvirt.ErrOperationDenied, libvirt.ErrAccessDenied:
		return vendormodules.ErrAuthentication
	case libvirt.ErrOperationInvalid, libvirt.ErrDomExist, libvirt.ErrNetworkExist, libvirt.ErrStorageVolExist:
		return vendormodules.ErrConflict
	case libvirt.ErrNoMemory:
		return vendormodules.ErrNoCapacity
	case libvirt.ErrXMLError, libvirt.ErrXMLDetail, libvirt.ErrInvalidArg, libvirt.ErrNoStoragePool:
		return vendormodules.ErrInvalid
	case libvirt.ErrOperationTimeout, libvirt.ErrOperationAborted, libvirt.ErrNoServer, libvirt.ErrAgentUnresponsive:
		return vendormodules.ErrTransient
	}
	for _, full := range []string{"No space left on device", "Cannot allocate memory"} {
		if strings.Contains(answer.Message, full) {
			return vendormodules.ErrNoCapacity
		}
	}
	return nil
}

// answers says whether a daemon answered with one of these.
func answers(err error, numbers ...libvirt.ErrorNumber) bool {
	var answer libvirt.Error
	if !errors.As(err, &answer) {
		return false
	}
	for _, number := range numbers {
		if answer.Code == uint32(number) {
			return true
		}
	}
	return false
}
