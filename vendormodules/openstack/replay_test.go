package openstack_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/openstack"
)

const testbedConfiguration = `{
	auth-url: http://127.0.0.1:5000/v3, sign-in: password, project: demo, region: RegionOne, country: GR, default-image: tiny,
}`

// planted is a password that must not be seen again.
const planted = "planted-Secret-7c1f"

func replayed(t *testing.T, name string) (*openstack.Module, *recorded) {
	t.Helper()
	transport := replay(t, name)
	module, err := openstack.New(parsed(t, testbedConfiguration), vendormodules.Environment{
		Vendor: "testbed", Agency: agencyID, Credentials: stored{"username": "demo", "password": planted}, HTTP: transport,
		Now: func() time.Time { return time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC) }, // before anything was recorded
	})
	must(t, err)
	t.Cleanup(func() { must(t, module.Close()) })
	return module, transport
}

// TestScenarios holds what was recorded again. Nobody signs in more than once in any of them.
func TestScenarios(t *testing.T) {
	for name, hold := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			module, transport := replayed(t, name)
			hold(t, module)
			if logins := transport.logins(); logins != 1 {
				t.Errorf("%d logins for %d requests", logins, len(transport.asked))
			}
			if sent := transport.sent(); strings.Count(sent, planted) != 1 {
				t.Errorf("the password is sent %d times:\n%s", strings.Count(sent, planted), sent)
			}
		})
	}
}

// TestTokenIsRenewed has the cloud refuse the token once.
func TestTokenIsRenewed(t *testing.T) {
	module, transport := replayed(t, "pages")
	_, err := module.List(t.Context())
	must(t, err)
	refuse := true
	transport.instead = func(request *http.Request) *http.Response {
		if !refuse || strings.HasSuffix(request.URL.Path, "/tokens") {
			return nil
		}
		refuse = false
		return answer(http.StatusUnauthorized, `{"error": {"code": 401, "message": "The request you have made requires authentication."}}`)
	}
	_, err = module.List(t.Context())
	must(t, err)
	if logins := transport.logins(); logins != 2 || refuse {
		t.Errorf("%d logins, and there should be one more than the first", logins)
	}
}
