package vsphere

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"

	"github.com/vmware/govmomi/task"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// meanings are what vCenter's faults, by their names in its API, mean to an agent.
var meanings = map[string]error{
	"ManagedObjectNotFound": vendormodules.ErrNotFound, "NotFound": vendormodules.ErrNotFound,
	"FileNotFound": vendormodules.ErrNotFound,

	"DuplicateName": vendormodules.ErrConflict, "AlreadyExists": vendormodules.ErrConflict,
	"InvalidPowerState": vendormodules.ErrConflict, "InvalidState": vendormodules.ErrConflict,
	"ResourceInUse": vendormodules.ErrConflict, "TaskInProgress": vendormodules.ErrConflict,
	"ConcurrentAccess": vendormodules.ErrConflict, "FileLocked": vendormodules.ErrConflict,
	"FileAlreadyExists": vendormodules.ErrConflict, "ToolsUnavailable": vendormodules.ErrConflict,

	"InvalidLogin": vendormodules.ErrAuthentication, "NoPermission": vendormodules.ErrAuthentication,
	"NotAuthenticated": vendormodules.ErrAuthentication, "PasswordExpired": vendormodules.ErrAuthentication,

	"InsufficientResourcesFault": vendormodules.ErrNoCapacity, "InsufficientCpuResourcesFault": vendormodules.ErrNoCapacity,
	"InsufficientMemoryResourcesFault": vendormodules.ErrNoCapacity, "InsufficientStorageSpace": vendormodules.ErrNoCapacity,
	"InsufficientHostCapacityFault": vendormodules.ErrNoCapacity, "InsufficientFailoverResourcesFault": vendormodules.ErrNoCapacity,
	"NoDiskSpace": vendormodules.ErrNoCapacity, "NoCompatibleHost": vendormodules.ErrNoCapacity,
	"NumVirtualCpusExceedsLimit": vendormodules.ErrNoCapacity,
	"LimitExceeded":              vendormodules.ErrQuota, "NotEnoughLicenses": vendormodules.ErrQuota,

	"InvalidArgument": vendormodules.ErrInvalid, "InvalidName": vendormodules.ErrInvalid,
	"InvalidDeviceSpec": vendormodules.ErrInvalid, "InvalidVmConfig": vendormodules.ErrInvalid,
	"InvalidDatastorePath": vendormodules.ErrInvalid, "InvalidRequest": vendormodules.ErrInvalid,

	"NotSupported": vendormodules.ErrUnsupported, "MethodNotFound": vendormodules.ErrUnsupported,

	"HostCommunication": vendormodules.ErrTransient, "HostNotConnected": vendormodules.ErrTransient,
	"HostNotReachable": vendormodules.ErrTransient, "Timedout": vendormodules.ErrTransient,
	"RequestCanceled": vendormodules.ErrTransient, "SystemError": vendormodules.ErrTransient,
}

// mapped gives an error of vCenter, or of the way to it, the meaning that agents decide on.
func mapped(err error) error {
	var refusal sla.Refusal
	var unreached *url.Error
	var network net.Error
	switch {
	case err == nil || errors.As(err, &refusal), errors.Is(err, services.ErrNoCredential):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	for _, known := range []error{
		vendormodules.ErrNotFound, vendormodules.ErrQuota, vendormodules.ErrNoCapacity, vendormodules.ErrUnsupported,
		vendormodules.ErrAuthentication, vendormodules.ErrConflict, vendormodules.ErrTransient, vendormodules.ErrInvalid,
	} {
		if errors.Is(err, known) {
			return err
		}
	}
	name, fault := faultOf(err)
	if lacking, is := fault.(types.NoPermission); is {
		return fmt.Errorf("it lacks the privilege %s: %w: %w", lacking.PrivilegeId, err, vendormodules.ErrAuthentication)
	}
	if meaning, known := meanings[name]; known {
		return fmt.Errorf("%w: %w", err, meaning)
	}
	if name == "" || errors.As(err, &unreached) || errors.As(err, &network) { // vCenter did not say what is wrong
		return fmt.Errorf("%w: %w", err, vendormodules.ErrTransient)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// faultOf is the fault that vCenter answered a call or ended a task with, and its name; empty for other errors.
func faultOf(err error) (string, any) {
	var ended task.Error
	var found any
	switch {
	case err == nil:
		return "", nil
	case errors.As(err, &ended):
		if ended.LocalizedMethodFault != nil {
			found = ended.Fault()
		}
	default:
		for inner := err; inner != nil && found == nil; inner = errors.Unwrap(inner) {
			switch {
			case soap.IsSoapFault(inner):
				found = soap.ToSoapFault(inner).VimFault()
			case soap.IsVimFault(inner):
				found = soap.ToVimFault(inner)
			}
		}
	}
	value := reflect.ValueOf(found)
	if found == nil || value.Kind() == reflect.Pointer && value.IsNil() {
		return "", nil
	}
	value = reflect.Indirect(value)
	return value.Type().Name(), value.Interface()
}

// isFault says whether vCenter's fault is the one of that name.
func isFault(err error, name string) bool {
	found, _ := faultOf(err)
	return found == name
}
