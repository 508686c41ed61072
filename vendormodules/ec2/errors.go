package ec2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// sentinels of error codes; what is not here is judged by its ending and by the status.
var sentinels = map[string]error{
	"RequestLimitExceeded": vendormodules.ErrTransient, "Throttling": vendormodules.ErrTransient,
	"ThrottlingException": vendormodules.ErrTransient, "InternalError": vendormodules.ErrTransient,
	"InternalFailure": vendormodules.ErrTransient, "Unavailable": vendormodules.ErrTransient, "ServiceUnavailable": vendormodules.ErrTransient,
	"RequestTimeout": vendormodules.ErrTransient, "RequestExpired": vendormodules.ErrTransient,

	"InsufficientInstanceCapacity": vendormodules.ErrNoCapacity, "InsufficientHostCapacity": vendormodules.ErrNoCapacity,
	"InsufficientReservedInstanceCapacity": vendormodules.ErrNoCapacity, "InsufficientAddressCapacity": vendormodules.ErrNoCapacity,
	"InsufficientVolumeCapacity": vendormodules.ErrNoCapacity, "InsufficientFreeAddressesInSubnet": vendormodules.ErrNoCapacity,

	"InstanceLimitExceeded": vendormodules.ErrQuota, "VcpuLimitExceeded": vendormodules.ErrQuota, "VolumeLimitExceeded": vendormodules.ErrQuota,
	"SubnetLimitExceeded": vendormodules.ErrQuota, "SnapshotLimitExceeded": vendormodules.ErrQuota,
	"MaxSpotInstanceCountExceeded": vendormodules.ErrQuota, "ResourceCountExceeded": vendormodules.ErrQuota,

	"AuthFailure": vendormodules.ErrAuthentication, "UnauthorizedOperation": vendormodules.ErrAuthentication,
	"InvalidClientTokenId": vendormodules.ErrAuthentication, "SignatureDoesNotMatch": vendormodules.ErrAuthentication,
	"Blocked": vendormodules.ErrAuthentication, "OptInRequired": vendormodules.ErrAuthentication,
	"PendingVerification": vendormodules.ErrAuthentication, "ExpiredToken": vendormodules.ErrAuthentication,
	"MissingAuthenticationToken": vendormodules.ErrAuthentication,

	"AccessDenied": vendormodules.ErrAuthentication, "AccessDeniedException": vendormodules.ErrAuthentication,
	"UnrecognizedClientException": vendormodules.ErrAuthentication, "InvalidSignatureException": vendormodules.ErrAuthentication,
	"ExpiredTokenException": vendormodules.ErrAuthentication,

	"InvalidAction": vendormodules.ErrUnsupported, "UnsupportedOperation": vendormodules.ErrUnsupported, "Unsupported": vendormodules.ErrUnsupported,

	"LoadBalancerNotFound": vendormodules.ErrNotFound, "TargetGroupNotFound": vendormodules.ErrNotFound,
	"ListenerNotFound": vendormodules.ErrNotFound,

	"TooManyLoadBalancers": vendormodules.ErrQuota, "TooManyTargetGroups": vendormodules.ErrQuota, "TooManyListeners": vendormodules.ErrQuota,
	"TooManyTargets": vendormodules.ErrQuota, "TooManyRegistrationsForTargetId": vendormodules.ErrQuota,

	"DuplicateLoadBalancerName": vendormodules.ErrConflict, "DuplicateTargetGroupName": vendormodules.ErrConflict,
	"DuplicateListener": vendormodules.ErrConflict, "ResourceInUse": vendormodules.ErrConflict,
	"OperationNotPermitted": vendormodules.ErrConflict,

	"DependencyViolation": vendormodules.ErrConflict, "VolumeInUse": vendormodules.ErrConflict, "IncorrectState": vendormodules.ErrConflict,
	"IncorrectInstanceState": vendormodules.ErrConflict, "InvalidVolume.ZoneMismatch": vendormodules.ErrConflict,
	"InvalidSnapshot.InUse": vendormodules.ErrConflict, "VolumeModificationRateExceeded": vendormodules.ErrConflict,
	"IncorrectModificationState": vendormodules.ErrConflict, "InvalidSubnet.Conflict": vendormodules.ErrConflict,
	"InvalidGroup.Duplicate": vendormodules.ErrConflict, "InvalidGroup.InUse": vendormodules.ErrConflict,
	// A group is made or found before it is named, so that one which is not there is one which does not show yet.
	"InvalidGroup.NotFound":    vendormodules.ErrTransient,
	"InvalidAMIName.Duplicate": vendormodules.ErrConflict, "IdempotentParameterMismatch": vendormodules.ErrConflict,
	"InvalidAMIID.Unavailable": vendormodules.ErrNotFound,
}

// fault is an error with what was being done.
func fault(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("ec2: %s: %w", doing, mapped(err))
}

// mapped wraps the SDK's error with the sentinel that the agent decides on.
func mapped(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, services.ErrNoCredential) {
		return err
	}
	var said answered
	if errors.As(err, &said) {
		return err
	}
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return fmt.Errorf("%w: %w", err, vendormodules.ErrTransient) // nobody answered
	}
	code := answer.ErrorCode()
	sentinel, known := sentinels[code]
	var response *smithyhttp.ResponseError
	status := 0
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	switch {
	case known:
	case strings.HasSuffix(code, ".NotFound"), strings.HasSuffix(code, ".Malformed"):
		sentinel = vendormodules.ErrNotFound
	case strings.HasSuffix(code, "LimitExceeded"):
		sentinel = vendormodules.ErrQuota
	case status >= http.StatusInternalServerError, status == http.StatusTooManyRequests:
		sentinel = vendormodules.ErrTransient
	default:
		sentinel = vendormodules.ErrInvalid
	}
	return answered{code, answer.ErrorMessage(), sentinel, status, retryAfter(response)}
}

// absent says whether an error means that the cloud does not know what it was asked for, whatever the request said: it
// says so, or something answers that speaks no such API.
func absent(err error) bool {
	switch codeOf(err) {
	case "InvalidAction", "UnsupportedOperation", "Unsupported", "UnknownOperationException", "UnknownOperation", "NotImplemented":
		return true
	case "", "UnknownError":
	default:
		return false
	}
	var said answered
	var response *smithyhttp.ResponseError
	status := 0
	switch {
	case errors.As(err, &said):
		status = said.status
	case errors.As(err, &response):
		status = response.HTTPStatusCode()
	}
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented
}

// codeOf is the cloud's code of an error; empty if it is none of the cloud's.
func codeOf(err error) string {
	var said answered
	if errors.As(err, &said) {
		return said.code
	}
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	return ""
}

func retryAfter(response *smithyhttp.ResponseError) time.Duration {
	if response == nil || response.Response == nil {
		return 0
	}
	seconds, err := strconv.Atoi(response.Response.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// answered is what the cloud said, in its own words and the agent's.
type answered struct {
	code, message string
	sentinel      error
	// status of HTTP that it was said with.
	status int
	pause  time.Duration
}

func (a answered) Error() string { return a.code + ": " + a.message }

func (a answered) Unwrap() error { return a.sentinel }

// RetryAfter implements vendormodules.RetryAfter.
func (a answered) RetryAfter() time.Duration { return a.pause }
