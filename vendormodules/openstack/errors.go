package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

var errClosed = errors.New("the module is closed")

// throttled is a failure that the cloud says when to try again after.
type throttled struct {
	error
	after time.Duration
}

// RetryAfter implements vendormodules.RetryAfter.
func (t throttled) RetryAfter() time.Duration { return t.after }

// Unwrap lets errors.Is find the sentinel.
func (t throttled) Unwrap() error { return t.error }

// translate says an error of the SDK in the contract's words. What is of the contract already, or of a context, stays.
func translate(err error) error {
	var answer gophercloud.ErrUnexpectedResponseCode
	var again *gophercloud.ErrUnableToReauthenticate
	var endpoint *gophercloud.ErrEndpointNotFound
	var refusal sla.Refusal
	switch {
	case err == nil, contractual(err):
		return err
	case errors.As(err, &again):
		// It wraps nothing. The second error says why; the first is but the token's end.
		return translate(again.ErrReauth)
	case errors.As(err, &answer):
		return translateAnswer(answer)
	case errors.As(err, &endpoint):
		return fmt.Errorf("the cloud has no such service here: %w", vendormodules.ErrUnsupported)
	case errors.As(err, &refusal):
		return fmt.Errorf("%w: %w", err, refused(refusal.Code))
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", vendormodules.ErrAuthentication, err)
	}
	return fmt.Errorf("%w: %w", vendormodules.ErrTransient, err)
}

// refused is what a refusal of an offer means where the thing is to be made all the same.
func refused(code sla.RefusalCode) error {
	switch code {
	case sla.RefusedCapacity:
		return vendormodules.ErrNoCapacity
	case sla.RefusedQuota:
		return vendormodules.ErrQuota
	}
	return vendormodules.ErrUnsupported
}

// contractual says whether an error needs no translation.
func contractual(err error) bool {
	for _, known := range []error{
		context.Canceled, context.DeadlineExceeded, errClosed, vendormodules.ErrNotFound, vendormodules.ErrQuota,
		vendormodules.ErrNoCapacity, vendormodules.ErrUnsupported, vendormodules.ErrAuthentication, vendormodules.ErrConflict,
		vendormodules.ErrTransient, vendormodules.ErrInvalid,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// translateAnswer decides by the status, and by the text where one status means several things.
func translateAnswer(answer gophercloud.ErrUnexpectedResponseCode) error {
	said := message(answer.Body)
	err := fmt.Errorf("%s: %w", said, meaning(answer.Actual, strings.ToLower(said)))
	if said == "" {
		err = fmt.Errorf("the cloud answers %d: %w", answer.Actual, meaning(answer.Actual, ""))
	}
	if seconds, _ := strconv.Atoi(answer.ResponseHeader.Get("Retry-After")); seconds > 0 && errors.Is(err, vendormodules.ErrTransient) {
		return throttled{err, time.Duration(seconds) * time.Second}
	}
	return err
}

func meaning(status int, said string) error {
	has := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(said, word) {
				return true
			}
		}
		return false
	}
	switch quota := has("quota", "maximum number of", "limit exceeded", "exceeds available"); {
	case status == http.StatusUnauthorized:
		return vendormodules.ErrAuthentication
	case has("no valid host", "not enough hosts", "no more ip addresses", "no weighed backends", "no available"):
		return vendormodules.ErrNoCapacity
	case quota && (status == http.StatusForbidden || status == http.StatusConflict || status == http.StatusRequestEntityTooLarge || status == http.StatusBadRequest):
		return vendormodules.ErrQuota
	case status == http.StatusForbidden:
		return vendormodules.ErrAuthentication
	case status == http.StatusNotFound, status == http.StatusGone:
		return vendormodules.ErrNotFound
	case status == http.StatusConflict && has("immutable", "invalid state pending"):
		return vendormodules.ErrTransient // Octavia is at work on the balancer; nothing was done
	case status == http.StatusConflict:
		return vendormodules.ErrConflict
	case status == http.StatusBadRequest && has("status must be", "in-use", "must be available", "must be attached", "is already attached"):
		return vendormodules.ErrConflict // Cinder's way of saying it
	case status == http.StatusMethodNotAllowed, status == http.StatusNotImplemented, status == http.StatusNotAcceptable:
		return vendormodules.ErrUnsupported
	case status == http.StatusTooManyRequests, status == http.StatusRequestEntityTooLarge, status == http.StatusRequestTimeout:
		return vendormodules.ErrTransient
	case status >= 400 && status < 500:
		return vendormodules.ErrInvalid
	}
	return vendormodules.ErrTransient
}

// longest message that is passed on, in bytes.
const longest = 300

// message is what the body of an error says to people. Every service wraps it in another way, and Nova repeats the value
// that it does not like, which may be a secret: that is cut off.
func message(body []byte) string {
	var content map[string]any
	if json.Unmarshal(body, &content) != nil {
		return ""
	}
	said := search(content)
	if value := strings.Index(said, "Value:"); value >= 0 {
		said = said[:value]
	}
	said = strings.Join(strings.Fields(said), " ")
	if len(said) > longest {
		said = strings.ToValidUTF8(said[:longest], "") + "..."
	}
	return strings.TrimRight(said, ".: ")
}

// search finds the first text that is meant for people.
func search(content map[string]any) string {
	for _, name := range []string{"message", "faultstring", "detail"} {
		if text, is := content[name].(string); is && text != "" {
			return text
		}
	}
	for _, inner := range content {
		switch inner := inner.(type) {
		case map[string]any:
			if text := search(inner); text != "" {
				return text
			}
		case string:
			if len(content) == 1 {
				return inner
			}
		}
	}
	return ""
}

// gone forgives that there is nothing any more.
func gone(err error) error {
	if errors.Is(translate(err), vendormodules.ErrNotFound) {
		return nil
	}
	return err
}

// settled says that a call had no effect at the cloud: it refused, rather than not answering.
func settled(err error) bool {
	return !errors.Is(err, vendormodules.ErrTransient) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}
