package ec2_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ec2"
	"github.com/cloud-agency/agency/vendormodules/ec2/ec2test"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// lesser is a cloud that lacks something, and what a module on it logs.
type lesser struct {
	url, directory string
	account        *ec2test.Account
	logged         *observer.ObservedLogs
	log            *zap.Logger
	now            time.Time
}

func lessWithout(t *testing.T, actions ...string) *lesser {
	t.Helper()
	account := &ec2test.Account{Zones: 1, Off: actions}
	core, logged := observer.New(zapcore.WarnLevel)
	return &lesser{
		url: account.Start(t), directory: t.TempDir(), account: account, logged: logged, log: zap.New(core), now: time.Now(),
	}
}

func (l *lesser) open(t *testing.T) *ec2.Module {
	t.Helper()
	module, err := openWith(t, l.url, everything(l.url), func(environment *vendormodules.Environment) {
		environment.Directory, environment.Log = l.directory, l.log
		environment.Now = func() time.Time { return l.now }
	})
	if err != nil {
		t.Fatal(err)
	}
	return module
}

func capability(module vendormodules.Module, name string) vendortest.Capability {
	all := vendortest.Capabilities(module)
	return all[slices.IndexFunc(all, func(one vendortest.Capability) bool { return one.Name == name })]
}

func TestWhatACloudLacksIsToldOnceAndKeptInMind(t *testing.T) {
	cloud := lessWithout(t, "CreateSubnet", "DescribeSubnets", "DescribeVpcs")
	module := cloud.open(t)
	network := descriptors.Class{Type: descriptors.Network, Private: true}
	for range 2 {
		_, err := module.Quote(t.Context(), network)
		var refusal sla.Refusal
		if !errors.As(err, &refusal) || refusal.Code != sla.RefusedUnsupported || !strings.Contains(refusal.Message, "InvalidAction") {
			t.Errorf("a network: %v", err)
		}
		if _, err := module.List(t.Context()); err != nil {
			t.Errorf("the list without networks: %v", err)
		}
	}
	if told := cloud.logged.FilterField(zap.String("lacking", "network")).Len(); told != 1 {
		t.Errorf("it is told %d times", told)
	}
	if !capability(module, "network").Has {
		t.Error("what the module says of itself has changed while it is open")
	}
	lacking := capability(cloud.open(t), "network")
	if lacking.Has || !strings.Contains(lacking.Reason, "the cloud answers InvalidAction") {
		t.Errorf("opened again it says %+v", lacking)
	}
	cloud.now = cloud.now.Add(8 * 24 * time.Hour)
	if later := cloud.open(t); !capability(later, "network").Has {
		t.Error("after a week it is not asked for again")
	}
	if err := os.WriteFile(filepath.Join(cloud.directory, "lacks.json"), []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if module := cloud.open(t); !capability(module, "network").Has {
		t.Error("a file that is broken says something")
	}
}

func TestEachLackTakesAwayOneCapability(t *testing.T) {
	for action, name := range map[string]string{
		"StopInstances": "power", "DetachVolume": "attach", "GetConsoleOutput": "console", "CreateSnapshot": "snapshot", "CreateImage": "image",
		"ModifyInstanceAttribute": "resize", "DescribeSecurityGroups": "rules", "DescribeSubnets": "network", "DescribeVolumes": "volume",
		"DescribeLoadBalancers": "load-balancer",
	} {
		cloud := lessWithout(t, action)
		before := vendortest.Capabilities(cloud.open(t))
		if _, err := cloud.open(t).Capacity(t.Context()); err != nil {
			t.Errorf("without %s: %v", action, err)
		}
		module := cloud.open(t)
		if one := capability(module, name); one.Has || !strings.Contains(one.Reason, "InvalidAction") {
			t.Errorf("without %s: %+v", action, one)
		}
		for index, one := range vendortest.Capabilities(module) {
			depends := name == "volume" && (one.Name == "attach" || one.Name == "snapshot") || name == "network" && one.Name == "range" ||
				name == "load-balancer" && one.Name == "set-targets" || name == "rules" && one.Name == "isolation"
			if one.Name != name && one.Has != before[index].Has && !depends {
				t.Errorf("without %s it also lacks %s", action, one.Name)
			}
		}
		id := made(t, module, ruled("m", "web", vendormodules.Rule{Class: "db"}))
		until(t, module, id, vendormodules.ResourceRunning)
		away(t, module, cloud.account)
	}
}

func TestWhoIsPromisedRulesThatACloudDoesNotKnowIsWarned(t *testing.T) {
	cloud := lessWithout(t, "DescribeSecurityGroups")
	request := ruled("m", "web", vendormodules.Rule{Class: "db"})
	created, err := cloud.open(t).Create(t.Context(), request)
	if err != nil || len(created.Warnings) != 1 || !strings.Contains(created.Warnings[0], "rules") {
		t.Errorf("the first is %+v, %v", created, err)
	}
	again := cloud.open(t)
	isolated := machine()
	isolated.Isolation = "required"
	var refusal sla.Refusal
	if _, err := again.Quote(t.Context(), isolated); !errors.As(err, &refusal) || refusal.Code != sla.RefusedIsolation {
		t.Errorf("opened again it offers what it cannot keep apart: %v", err)
	}
}

func TestAnEndpointThatSpeaksNoSuchAPIIsALack(t *testing.T) {
	nothing := httptest.NewServer(http.NotFoundHandler())
	defer nothing.Close()
	cloud := lessWithout(t)
	more := "endpoints: {load-balancing: " + nothing.URL + ", monitoring: " + nothing.URL + ", prices: " + nothing.URL + ", quotas: " + nothing.URL + "}"
	again := func() *ec2.Module {
		module, err := openWith(t, cloud.url, more, func(environment *vendormodules.Environment) { environment.Directory = cloud.directory })
		if err != nil {
			t.Fatal(err)
		}
		return module
	}
	module := again()
	if capacity, err := module.Capacity(t.Context()); err != nil || capacity.Instances != 20 {
		t.Errorf("its capacity is %+v, %v", capacity, err)
	}
	if _, err := module.Quote(t.Context(), machine()); err != nil {
		t.Errorf("a machine: %v", err)
	}
	id := made(t, module, requested("m", machine()))
	until(t, module, id, vendormodules.ResourceRunning)
	if measured, err := module.Measure(t.Context(), id); err != nil || len(measured) != 1 {
		t.Errorf("it measures %+v, %v", measured, err)
	}
	if one := capability(again(), "load-balancer"); one.Has || !strings.Contains(one.Reason, "nothing at the endpoint") {
		t.Errorf("it says %+v", one)
	}
}

// nowhere resolves no name of one host.
type nowhere struct{ host string }

// RoundTrip implements http.RoundTripper.
func (n nowhere) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Hostname() == n.host {
		return nil, &net.DNSError{Err: "no such host", Name: n.host, IsNotFound: true}
	}
	return http.DefaultTransport.RoundTrip(request)
}

func TestAnEndpointOfNoSuchNameIsDoneWithout(t *testing.T) {
	account := &ec2test.Account{}
	module, err := open(t, account.Start(t), "endpoints: {prices: http://prices.example.org}\nflavor-families: [t3.]", nowhere{"prices.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	if quote, err := module.Quote(context.WithoutCancel(t.Context()), machine()); err != nil || quote.Unit.String() != "0.0175 USD/h" {
		t.Errorf("a machine costs %s, %v", quote.Unit, err)
	}
}

func TestACloudThatTagsNothingAtCreationHasItTagged(t *testing.T) {
	account := &ec2test.Account{Plain: true, Slow: 1}
	module := beside(t, account, "elastic-addresses: always")
	volume := made(t, module, requested("v", descriptors.Class{Type: descriptors.Volume, Size: quantity.GiB}))
	until(t, module, volume, vendormodules.ResourceRunning)
	request := requested("m", machine())
	request.Volumes = []vendormodules.VolumeMount{{Volume: volume, Mount: "/data"}}
	id := made(t, module, request)
	if address := public(t, module, id); !strings.HasPrefix(address, "203.0.113.") {
		t.Errorf("it has the address %q", address)
	}
	shown, err := module.Get(t.Context(), id)
	if err != nil || shown.Key != "m" || shown.Tags != request.Tags {
		t.Errorf("it is shown as %+v, %v", shown, err)
	}
	copied, err := module.Snapshot(t.Context(), vendormodules.CopyRequest{Key: "s", Name: "s", Tags: request.Tags, Source: volume})
	if err != nil || copied.Key != "s" {
		t.Errorf("its snapshot is %+v, %v", copied, err)
	}
	if listed, err := module.List(t.Context()); err != nil || len(listed) != 3 {
		t.Errorf("listed are %+v, %v", listed, err)
	}
	away(t, module, account)
}

func TestWithoutClientTokensARepeatIsFoundByItsTags(t *testing.T) {
	account := &ec2test.Account{}
	module := beside(t, account, "client-tokens: false")
	if module.Describe().CreateToken {
		t.Error("it says that the cloud knows tokens")
	}
	for _, request := range []vendormodules.Request{
		requested("v", descriptors.Class{Type: descriptors.Volume, Size: quantity.GiB}), requested("m", machine()),
		requested("n", descriptors.Class{Type: descriptors.Network, Private: true}),
	} {
		if first, second := made(t, module, request), made(t, module, request); first != second {
			t.Errorf("%s: a repeat makes %s beside %s", request.Key, second, first)
		}
	}
}

func TestFlavorsThatTheCloudDoesNotTellAreTheConfigurations(t *testing.T) {
	cloud := lessWithout(t, "DescribeInstanceTypes")
	if _, err := cloud.open(t).Quote(t.Context(), machine()); !errors.Is(err, vendormodules.ErrUnsupported) || !strings.Contains(err.Error(), "flavors") {
		t.Errorf("without flavors: %v", err)
	}
	module, err := open(t, cloud.url, "flavors: [{name: m1.small, cores: 1, memory: 1GiB}]", nil)
	if err != nil {
		t.Fatal(err)
	}
	if quote, err := module.Quote(t.Context(), machine()); err != nil || quote.Flavor != "m1.small" {
		t.Errorf("a machine is %q, %v", quote.Flavor, err)
	}
}
