package openstack_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/openstack"
	"github.com/cloud-agency/agency/vendormodules/services"
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

// TestRulesReachTheCloud looks at the requests that made the machine's group.
func TestRulesReachTheCloud(t *testing.T) {
	module, transport := replayed(t, "machine")
	machineScenario(t, module)
	var rules string
	for _, one := range transport.asked {
		if one.Method == http.MethodPost && one.URL == ":9696/v2.0/security-group-rules" {
			rules += one.Body
		}
	}
	for _, part := range []string{
		`"port_range_min":8080`, `"remote_ip_prefix":"0.0.0.0/0"`, `"port_range_min":5432`, `"remote_group_id":`,
	} {
		if !strings.Contains(rules, part) {
			t.Errorf("the rules are asked for without %s: %s", part, rules)
		}
	}
	if strings.Contains(rules, `"direction":"egress"`) {
		t.Errorf("what goes out is nobody's business: %s", rules)
	}
	if groups := transport.count("POST :9696/v2.0/security-groups"); groups != 2 {
		t.Errorf("%d groups are made, and should be one for each of two classes", groups)
	}
}

// TestSecretsStayHidden has every way of signing in refused, and searches all that is said of it.
func TestSecretsStayHidden(t *testing.T) {
	for name, of := range map[string]struct {
		configuration string
		credential    stored
	}{
		"a password": {testbedConfiguration, stored{"username": "demo", "password": planted}},
		"an application credential": {"{auth-url: http://127.0.0.1:5000/v3}", stored{
			"application-credential-id": "an-id", "application-credential-secret": planted,
		}},
		"a clouds.yaml": {"{sign-in: clouds.yaml, cloud: mine}", stored{
			"clouds.yaml": "clouds: {mine: {auth: {auth_url: http://127.0.0.1:5000/v3, username: demo, password: " + planted + ", project_name: demo}}}",
		}},
		"a clouds.yaml that is none":        {"{sign-in: clouds.yaml, cloud: mine}", stored{"clouds.yaml": planted + ": [" + planted}},
		"a clouds.yaml of another cloud":    {"{sign-in: clouds.yaml, cloud: mine}", stored{"clouds.yaml": "clouds: {" + planted + ": {}}"}},
		"a password that is repeated to us": {testbedConfiguration, stored{"username": "demo", "password": planted}},
	} {
		t.Run(name, func(t *testing.T) {
			transport := &recorded{instead: func(*http.Request) *http.Response {
				return answer(http.StatusUnauthorized, `{"error": {"code": 401, "message": "Value: `+planted+` is not what it should be"}}`)
			}}
			module, err := openstack.New(parsed(t, of.configuration), vendormodules.Environment{
				Vendor: "testbed", Agency: agencyID, Credentials: of.credential, HTTP: transport,
			})
			must(t, err)
			_, listing := module.List(t.Context())
			check := module.CheckCredential(t.Context(), services.Scope{Vendor: "testbed"})
			for _, err := range []error{listing, check} {
				if !errors.Is(err, vendormodules.ErrAuthentication) {
					t.Errorf("the error is %v, and should wrap %q", err, vendormodules.ErrAuthentication)
				}
				if text := fmt.Sprintf("%v %+v %#v", err, err, module.Describe()); strings.Contains(text, planted) {
					t.Errorf("the secret is in %s", text)
				}
			}
		})
	}
}
