package openstack_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules"
)

// TestTargetsAreReplacedInOneCall has Octavia show a balancer with one member, as its API reference writes it.
func TestTargetsAreReplacedInOneCall(t *testing.T) {
	module, transport := replayed(t, "pages")
	status, said := http.StatusAccepted, ""
	at := "ACTIVE"
	transport.instead = func(request *http.Request) *http.Response {
		switch path, found := strings.CutPrefix(request.URL.Path, "/v2.0/lbaas/"); {
		case !found:
			return nil
		case path == "loadbalancers/front":
			shown := at
			at = "ACTIVE" // when it is looked at again
			return answer(http.StatusOK, `{"loadbalancer": {"id": "front", "name": "front-1", "description": "agency=agency-1 class=front",
				"provisioning_status": "`+shown+`", "vip_address": "10.0.0.9", "pools": [{"id": "pool"}]}}`)
		case path == "pools/pool/members" && request.Method == http.MethodGet:
			return answer(http.StatusOK, `{"members": [{"id": "m", "name": "web-1", "address": "10.0.0.5", "protocol_port": 8080,
				"provisioning_status": "ACTIVE"}]}`)
		case path == "pools/pool/members" && request.Method == http.MethodPut:
			at = "PENDING_UPDATE"
			return answer(status, said)
		}
		return answer(http.StatusNotFound, "")
	}
	one, two := vendormodules.Target{Name: "web-1", Address: "10.0.0.5", Port: 8080}, vendormodules.Target{Name: "web-2", Address: "10.0.0.6", Port: 8080}
	const replacing = "PUT :9876/v2.0/lbaas/pools/pool/members"
	must(t, module.SetTargets(t.Context(), "front", []vendormodules.Target{one}))
	if transport.count(replacing) != 0 {
		t.Error("members that are as they should be are replaced")
	}
	must(t, module.SetTargets(t.Context(), "front", []vendormodules.Target{one, two}))
	if sent := transport.sent(); transport.count(replacing) != 1 ||
		!strings.Contains(sent, `{"members":[{"address":"10.0.0.5","name":"web-1","protocol_port":8080},{"address":"10.0.0.6","name":"web-2","protocol_port":8080}]}`) {
		t.Errorf("the members are not replaced as they should be:\n%s", sent)
	}
	if at != "ACTIVE" || transport.count("GET :9876/v2.0/lbaas/loadbalancers/front") != 4 {
		t.Error("the new members are told of before Octavia serves them")
	}
	at = "ACTIVE"
	status, said = http.StatusConflict, `{"faultcode": "Client", "faultstring": "Load Balancer front is immutable and cannot be updated.", "debuginfo": null}`
	if err := module.SetTargets(t.Context(), "front", []vendormodules.Target{two}); !errors.Is(err, vendormodules.ErrTransient) {
		t.Errorf("while Octavia is at work the error is %v", err)
	}
	if err := module.SetTargets(t.Context(), "none", nil); !errors.Is(err, vendormodules.ErrNotFound) {
		t.Errorf("of no balancer: %v", err)
	}
}

// TestAListingIsBegunAgain deletes the last entry of a page before the next is read, as happens where members change all
// the time. Octavia then says what it says here.
func TestAListingIsBegunAgain(t *testing.T) {
	module, transport := replayed(t, "pages")
	const members = "/v2.0/lbaas/pools/pool/members"
	refusals := 1
	transport.instead = func(request *http.Request) *http.Response {
		switch {
		case strings.HasSuffix(request.URL.Path, "/lbaas/loadbalancers/front"):
			return answer(http.StatusOK, `{"loadbalancer": {"id": "front", "name": "front-1", "description": "agency=agency-1 class=front",
				"provisioning_status": "ACTIVE", "vip_address": "10.0.0.9", "pools": [{"id": "pool"}]}}`)
		case request.URL.Path == members && request.Method == http.MethodPut:
			return answer(http.StatusAccepted, "")
		case request.URL.Path != members:
			return nil
		case refusals == 0:
			return answer(http.StatusOK, `{"members": []}`)
		case request.URL.Query().Get("marker") == "m":
			refusals--
			return answer(http.StatusBadRequest, `{"faultcode": "Client", "faultstring": "Supplied pagination marker 'm' is not valid.", "debuginfo": null}`)
		}
		return answer(http.StatusOK, `{"members": [{"id": "m", "name": "web-1", "address": "10.0.0.5", "protocol_port": 8080,
			"provisioning_status": "PENDING_DELETE"}],
			"members_links": [{"rel": "next", "href": "http://`+request.URL.Host+members+`?marker=m"}]}`)
	}
	one := []vendormodules.Target{{Name: "web-1", Address: "10.0.0.5", Port: 8080}}
	must(t, module.SetTargets(t.Context(), "front", one))
	refusals = 1000
	if err := module.SetTargets(t.Context(), "front", one); !errors.Is(err, vendormodules.ErrTransient) {
		t.Errorf("where no listing comes to its end the error is %v", err)
	}
	if begun := 1000 - refusals; begun > 10 {
		t.Errorf("the listing was begun %d times", begun)
	}
}
