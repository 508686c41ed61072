package openstack_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/vendormodules"
)

// Connections that are kept for the next call are the transport's, not the module's.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// answers are what the testbed said, and where it says nothing of the kind, what the services' source says.
var answers = map[string]struct {
	status   int
	body     string
	sentinel error
}{
	"Keystone knows no such token":         {401, `{"error": {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}}`, vendormodules.ErrAuthentication},
	"Nova's policy":                        {403, `{"forbidden": {"code": 403, "message": "Policy doesn't allow os_compute_api:os-hypervisors:list to be performed."}}`, vendormodules.ErrAuthentication},
	"Nova's quota":                         {403, `{"forbidden": {"code": 403, "message": "Quota exceeded for cores, instances, ram: Requested 120, 30, 245760, but already used 0, 0, 0 of 20, 10, 51200 cores, instances, ram"}}`, vendormodules.ErrQuota},
	"Cinder's quota":                       {413, `{"overLimit": {"code": 413, "message": "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested 5000G, quota is 1000G and 0G has been consumed.", "retryAfter": "0"}}`, vendormodules.ErrQuota},
	"Neutron's quota":                      {409, `{"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for resources: ['floatingip'].", "detail": ""}}`, vendormodules.ErrQuota},
	"Neutron has no address left":          {409, `{"NeutronError": {"type": "IpAddressGenerationFailure", "message": "No more IP addresses available on network 7d0b.", "detail": ""}}`, vendormodules.ErrNoCapacity},
	"Neutron's network is in use":          {409, `{"NeutronError": {"type": "NetworkInUse", "message": "Unable to complete operation on network 7d0b. There are one or more ports still in use on the network.", "detail": ""}}`, vendormodules.ErrConflict},
	"Neutron's bad request":                {400, `{"NeutronError": {"type": "InvalidInput", "message": "Invalid input for operation: 10.0.0.0/33 is not in a CIDR format.", "detail": ""}}`, vendormodules.ErrInvalid},
	"Nova in the wrong state":              {409, `{"conflictingRequest": {"code": 409, "message": "Cannot 'stop' instance 7d0b while it is in vm_state stopped"}}`, vendormodules.ErrConflict},
	"Cinder in the wrong state":            {400, `{"badRequest": {"code": 400, "message": "Invalid volume: Volume status must be available or error or error_restoring and must not be migrating."}}`, vendormodules.ErrConflict},
	"Octavia at work":                      {409, `{"faultcode": "Client", "faultstring": "Load Balancer 7d0b is immutable and cannot be updated.", "debuginfo": null}`, vendormodules.ErrTransient},
	"Octavia at work when it is to delete": {409, `{"faultcode": "Client", "faultstring": "Invalid state PENDING_UPDATE of loadbalancer resource 7d0b", "debuginfo": null}`, vendormodules.ErrTransient},
	"nothing there":                        {404, `{"itemNotFound": {"code": 404, "message": "Volume none could not be found."}}`, vendormodules.ErrNotFound},
	"nothing there, as Glance says it":     {404, `<html><body><h1>404 Not Found</h1></body></html>`, vendormodules.ErrNotFound},
	"no such method":                       {405, ``, vendormodules.ErrUnsupported},
	"no host for it":                       {500, `{"computeFault": {"code": 500, "message": "No valid host was found. There are not enough hosts available."}}`, vendormodules.ErrNoCapacity},
	"Nova is broken":                       {500, `{"computeFault": {"code": 500, "message": "Unexpected API Error."}}`, vendormodules.ErrTransient},
	"a proxy whose service is not there":   {503, `no server is available`, vendormodules.ErrTransient},
	"a rate limit":                         {429, `{"overLimit": {"code": 429, "message": "This request was rate-limited."}}`, vendormodules.ErrTransient},
	"a rate limit of older clouds":         {413, `{"overLimit": {"code": 413, "message": "This request was rate-limited."}}`, vendormodules.ErrTransient},
	"Nova repeats what it does not like":   {400, `{"badRequest": {"code": 400, "message": "Invalid input for field/attribute user_data. Value: ` + planted + `. '` + planted + `' is not a 'base64'"}}`, vendormodules.ErrInvalid},
	"a message longer than anybody's wish": {400, `{"badRequest": {"code": 400, "message": "` + strings.Repeat("very ", 5000) + `"}}`, vendormodules.ErrInvalid},
}

// TestAnswersAreTranslated has Nova answer a question for the quotas.
func TestAnswersAreTranslated(t *testing.T) {
	for name, of := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			module, transport := replayed(t, "pages")
			transport.instead = func(request *http.Request) *http.Response {
				if !strings.HasSuffix(request.URL.Path, "/limits") {
					return nil
				}
				response := answer(of.status, of.body)
				response.Header.Set("Retry-After", "7")
				return response
			}
			_, err := module.Capacity(t.Context())
			if !errors.Is(err, of.sentinel) {
				t.Errorf("the error is %v, and should wrap %q", err, of.sentinel)
			}
			if text := err.Error(); strings.Contains(text, planted) || len(text) > 500 || strings.Contains(text, "{") {
				t.Errorf("the error says %q", text)
			}
			var again vendormodules.RetryAfter
			if is := errors.As(err, &again); is != (of.sentinel == vendormodules.ErrTransient) || is && again.RetryAfter() != 7*time.Second {
				t.Errorf("the error says when to try again: %v", is)
			}
		})
	}
}

// TestLostConnectionsAreTransient is true of a question, and of the login before it.
func TestLostConnectionsAreTransient(t *testing.T) {
	module, transport := replayed(t, "pages")
	transport.answers = nil
	if _, err := module.Capacity(t.Context()); !errors.Is(err, vendormodules.ErrTransient) {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := module.Capacity(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, vendormodules.ErrTransient) {
		t.Errorf("with a cancelled context the error is %v", err)
	}
}
