package ec2_test

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ec2"
	"github.com/cloud-agency/agency/vendormodules/ec2/ec2test"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// ruled asks for a machine of a class of one deployment with these rules.
func ruled(key, class string, rules ...vendormodules.Rule) vendormodules.Request {
	request := requested(key, machine())
	request.Tags.Deployment, request.Tags.Class, request.Rules = "shop", class, rules
	return request
}

func made(t *testing.T, module *ec2.Module, request vendormodules.Request) string {
	t.Helper()
	created, err := module.Create(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return created.ID
}

func TestAGroupLetsInWhatTheRulesSay(t *testing.T) {
	module, account := opened(t, "")
	anyone, office := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("2001:db8::/32")
	tcp := vendormodules.Rule{Protocol: "tcp", First: 80, Last: 80, From: anyone}
	id := made(t, module, ruled("m-1", "web", tcp,
		vendormodules.Rule{Protocol: "tcp", First: 80, Last: 80, From: office}, vendormodules.Rule{Protocol: "icmp", From: office},
		vendormodules.Rule{Protocol: "icmp", From: anyone}, vendormodules.Rule{Protocol: "udp", Class: "db"},
		vendormodules.Rule{First: 53, Last: 54, From: anyone}, vendormodules.Rule{Class: "web"}))
	want := []string{
		"-1   agency-1/shop/web", "icmp -1 -1 0.0.0.0/0", "icmpv6 -1 -1 2001:db8::/32", "tcp 53 54 0.0.0.0/0", "tcp 80 80 0.0.0.0/0",
		"tcp 80 80 2001:db8::/32", "udp 0 65535 agency-1/shop/db", "udp 53 54 0.0.0.0/0",
	}
	if rules := account.Rules(id); !slices.Equal(rules, want) {
		t.Errorf("it lets in %q, and should %q", rules, want)
	}
	// Another of the class brings other rules: what is too much is revoked, what stays is left alone.
	other := made(t, module, ruled("m-2", "web", tcp, vendormodules.Rule{Protocol: "tcp", First: 443, Last: 443, From: anyone}))
	want = []string{"tcp 443 443 0.0.0.0/0", "tcp 80 80 0.0.0.0/0"}
	for _, one := range []string{id, other} {
		if rules := account.Rules(one); !slices.Equal(rules, want) {
			t.Errorf("%s lets in %q, and should %q", one, rules, want)
		}
	}
}

func TestGroupsGoWithTheLastOfTheirDeployment(t *testing.T) {
	module, account := opened(t, "")
	web := made(t, module, ruled("m-1", "web", vendormodules.Rule{Class: "db"}))
	db := made(t, module, ruled("m-2", "db", vendormodules.Rule{Class: "web"}))
	gone := func(id string, left int) {
		t.Helper()
		if err := module.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		vendortest.Eventually(t, 10*time.Second, "the machine is gone", func() error {
			listed, err := module.List(t.Context())
			if err == nil && len(listed) != left {
				err = errors.New("it is listed")
			}
			return err
		})
	}
	gone(web, 1)
	if groups := account.Groups(); len(groups) != 2 {
		t.Errorf("while a machine of the deployment is there, its groups are %q", groups)
	}
	account.Fail("DeleteSecurityGroup", "DependencyViolation") // a card that is not gone yet
	gone(db, 0)
	if _, err := module.List(t.Context()); err != nil || len(account.Groups()) != 0 {
		t.Errorf("the next listing leaves the groups %q (%v)", account.Groups(), err)
	}
}

func TestRulesThatTheCloudKnowsAlreadyAreNoFault(t *testing.T) {
	module, account := opened(t, "")
	account.Fail("AuthorizeSecurityGroupIngress", "InvalidPermission.Duplicate")
	tcp := vendormodules.Rule{Protocol: "tcp", First: 80, Last: 80, From: netip.MustParsePrefix("0.0.0.0/0")}
	id := made(t, module, ruled("m-1", "web", tcp))
	if rules := account.Rules(id); len(rules) != 1 {
		t.Errorf("it lets in %q", rules)
	}
}

func TestMoreRulesThanAGroupMayHaveAreBeyondTheQuota(t *testing.T) {
	module, account := opened(t, "")
	var rules []vendormodules.Rule
	for port := range 61 {
		rules = append(rules, vendormodules.Rule{Protocol: "tcp", First: port + 1, Last: port + 1, From: netip.MustParsePrefix("0.0.0.0/0")})
	}
	if _, err := module.Create(t.Context(), ruled("m-1", "web", rules...)); !errors.Is(err, vendormodules.ErrQuota) {
		t.Errorf("61 rules: %v", err)
	}
	if listed, err := module.List(t.Context()); err != nil || len(listed) != 0 || account.Count() != 0 {
		t.Errorf("%d things are left, %d listed, %v", account.Count(), len(listed), err)
	}
}

func TestWithoutGroupsOfItsOwnTheModuleSaysSo(t *testing.T) {
	module, account := opened(t, "enforce-rules: false")
	made(t, module, ruled("m-1", "web", vendormodules.Rule{Class: "db"}))
	if _, lacks := module.Describe().Lacks("rules"); !lacks || len(account.Groups()) != 0 {
		t.Errorf("it has the groups %q, and says that it lacks rules: %t", account.Groups(), lacks)
	}
}

// meanwhile does something once, in the middle of the next listing.
type meanwhile struct{ do func() }

// RoundTrip implements http.RoundTripper.
func (m *meanwhile) RoundTrip(request *http.Request) (*http.Response, error) {
	if do := m.do; do != nil && strings.Contains(body(request), "Action=DescribeSnapshots") {
		m.do = nil
		do()
	}
	return http.DefaultTransport.RoundTrip(request)
}

func TestAListingThatMissesAMachineDoesNotSweepItsGroup(t *testing.T) {
	account, line := &ec2test.Account{}, &meanwhile{}
	module, err := open(t, account.Start(t), "", line)
	if err != nil {
		t.Fatal(err)
	}
	var id string
	line.do = func() {
		id = made(t, module, ruled("m-1", "web", vendormodules.Rule{Class: "db"}))
		until(t, module, id, vendormodules.ResourceRunning)
	}
	if listed, err := module.List(t.Context()); err != nil || len(listed) != 0 || id == "" {
		t.Fatalf("listed are %+v, %v, and %q is made meanwhile", listed, err, id)
	}
	if rules := account.Rules(id); len(rules) != 1 {
		t.Errorf("it lets in %q", rules)
	}
}
