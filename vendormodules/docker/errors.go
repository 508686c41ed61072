package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/vendormodules"
)

// failed says what was being done when an engine's call failed, in the contract's words; nil if it did not.
func failed(err error, format string, arguments ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("docker: "+format+": %w", append(arguments, mapped(err))...)
}

// mapped puts an engine's error in the contract's words. One that is in them, and the end of a context, stay as they are.
func mapped(err error) error {
	if err == nil {
		return nil
	}
	for _, sentinel := range []error{
		context.Canceled, context.DeadlineExceeded, vendormodules.ErrNotFound, vendormodules.ErrQuota, vendormodules.ErrNoCapacity,
		vendormodules.ErrUnsupported, vendormodules.ErrAuthentication, vendormodules.ErrConflict, vendormodules.ErrTransient,
		vendormodules.ErrInvalid,
	} {
		if errors.Is(err, sentinel) {
			return err
		}
	}
	if sentinel := meaning(err); sentinel != nil {
		return fmt.Errorf("%w: %w", sentinel, err)
	}
	return err
}

// said are things that engines say where their status code tells nothing, or something else.
var said = []struct {
	text  string
	means error
}{
	{"tls: ", vendormodules.ErrAuthentication},  // the client tells of such a refusal as of any lost connection
	{"x509: ", vendormodules.ErrAuthentication}, // the same, of the engine's own certificate
	{"no space left on device", vendormodules.ErrNoCapacity},
	{"pool overlaps", vendormodules.ErrConflict},              // Docker, of a network's addresses; with 403
	{"already used on the host", vendormodules.ErrConflict},   // Podman, of the same
	{"has active endpoints", vendormodules.ErrConflict},       // Docker, of a network; with 403
	{"address already in use", vendormodules.ErrConflict},     // of an address, or a port of the host
	{"port is already allocated", vendormodules.ErrConflict},  // Docker, of a port of the host
	{"is already in use", vendormodules.ErrConflict},          // Podman, of a name; with 500
	{"volume is being used", vendormodules.ErrConflict},       // Podman, of a volume
	{"executable file not found", vendormodules.ErrInvalid},   // of what a container should run
	{"no such file or directory", vendormodules.ErrInvalid},   // of what a container should run
	{"exec format error", vendormodules.ErrInvalid},           // of an image for another processor
	{"invalid tar header", vendormodules.ErrInvalid},          // of an archive
	{"container state improper", vendormodules.ErrConflict},   // Podman, of a container that does not run
	{"not running", vendormodules.ErrConflict},                // of the same
	{"range of cpus is from", vendormodules.ErrNoCapacity},    // Docker, of more cores than its host has
	{"minimum memory limit", vendormodules.ErrInvalid},        // of less memory than a container can be held to
	{"device or resource busy", vendormodules.ErrConflict},    // of a limit below what is used
	{"unable to set memory limit", vendormodules.ErrConflict}, // of the same
	{"to tcp, received 429", vendormodules.ErrTransient},      // the client, where it was to get a connection of its own
	{"to tcp, received 5", vendormodules.ErrTransient},        // the same
}

func meaning(err error) error {
	text := strings.ToLower(err.Error())
	for _, one := range said {
		if strings.Contains(text, one.text) {
			return one.means
		}
	}
	var network net.Error
	switch {
	case errdefs.IsUnauthorized(err), errdefs.IsPermissionDenied(err):
		return vendormodules.ErrAuthentication
	case errdefs.IsNotFound(err):
		return vendormodules.ErrNotFound
	case errdefs.IsConflict(err), errdefs.IsAlreadyExists(err), errdefs.IsFailedPrecondition(err):
		return vendormodules.ErrConflict
	case errdefs.IsInvalidArgument(err):
		return vendormodules.ErrInvalid
	case errdefs.IsNotImplemented(err):
		return vendormodules.ErrUnsupported
	case errdefs.IsResourceExhausted(err), errdefs.IsUnavailable(err), errdefs.IsInternal(err),
		client.IsErrConnectionFailed(err), errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return vendormodules.ErrTransient
	}
	return nil
}
