package ec2_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ec2"
	"github.com/cloud-agency/agency/vendormodules/ec2/ec2test"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// opened opens a module on an account of its own.
func opened(t *testing.T, more string) (*ec2.Module, *ec2test.Account) {
	t.Helper()
	account := &ec2test.Account{}
	module, err := open(t, account.Start(t), more, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = module.Close() })
	return module, account
}

// requested asks for a resource of a class.
func requested(key string, class descriptors.Class) vendormodules.Request {
	return vendormodules.Request{Key: key, Name: "one", Tags: vendormodules.Tags{Agency: "agency-1"}, Class: class}
}

func machine() descriptors.Class {
	return descriptors.Class{Type: descriptors.Compute, Image: "debian-12"}
}

func TestErrorsOfTheCloudAreMapped(t *testing.T) {
	module, account := opened(t, "")
	for code, want := range map[string]error{
		"RequestLimitExceeded": vendormodules.ErrTransient, "InsufficientInstanceCapacity": vendormodules.ErrNoCapacity,
		"InstanceLimitExceeded": vendormodules.ErrQuota, "VcpuLimitExceeded": vendormodules.ErrQuota,
		"UnauthorizedOperation": vendormodules.ErrAuthentication, "InvalidAMIID.NotFound": vendormodules.ErrNotFound,
		"UnsupportedOperation": vendormodules.ErrUnsupported, "InternalError": vendormodules.ErrTransient, "InvalidParameterValue": vendormodules.ErrInvalid,
		"SomethingLimitExceeded": vendormodules.ErrQuota, "DependencyViolation": vendormodules.ErrConflict,
	} {
		account.Fail("RunInstances", code)
		_, err := module.Create(t.Context(), requested("k", machine()))
		if !errors.Is(err, want) {
			t.Errorf("%s is %v, and should be %v", code, err, want)
		}
		var hint vendormodules.RetryAfter
		if code == "RequestLimitExceeded" && (!errors.As(err, &hint) || hint.RetryAfter() != 7*time.Second) {
			t.Errorf("the cloud's hint of 7 seconds is lost: %v", err)
		}
		if strings.Contains(err.Error(), ec2test.SecretKey) {
			t.Errorf("the secret is in the error: %v", err)
		}
	}
	if _, err := module.List(t.Context()); err != nil || account.Count() != 0 {
		t.Errorf("%d things are left (%v)", account.Count(), err)
	}
}

func TestAMissingRightIsNamed(t *testing.T) {
	account := &ec2test.Account{}
	module := beside(t, account, "")
	scope := services.Scope{Vendor: "ec2-test"}
	if err := module.CheckCredential(t.Context(), scope); err != nil || account.Count() != 0 {
		t.Errorf("the check makes %d things and says %v", account.Count(), err)
	}
	for action, right := range map[string]string{
		"CreateVolume": "ec2:CreateVolume", "RunInstances": "ec2:RunInstances", "CreateSecurityGroup": "ec2:CreateSecurityGroup",
		"DescribeLoadBalancers": "elasticloadbalancing:DescribeLoadBalancers",
	} {
		account.Fail(action, "UnauthorizedOperation")
		err := module.CheckCredential(t.Context(), scope)
		if !errors.Is(err, vendormodules.ErrAuthentication) || !strings.Contains(err.Error(), right) {
			t.Errorf("without %s the check says %v", right, err)
		}
	}
}

func TestACheckChangesNothingWhereDryRunsAreNotKnown(t *testing.T) {
	account := &ec2test.Account{Wet: true}
	if err := beside(t, account, "").CheckCredential(t.Context(), services.Scope{Vendor: "ec2-test"}); err != nil || account.Count() != 0 {
		t.Errorf("the check makes %d things and says %v", account.Count(), err)
	}
}

func TestQuotesFollowFlavorsImagesAndPrices(t *testing.T) {
	module, _ := opened(t, `prices: {flavors: {t3.nano: 0.0057 USD/h}}
images: {static-web: ami-0al23}
flavor-families: [t3., m5., t4g.]
`)
	for _, test := range []struct {
		class  descriptors.Class
		flavor string
		price  string
	}{
		{descriptors.Class{Image: "debian-12"}, "t3.nano", "0.0057 USD/h"},
		{descriptors.Class{Image: "static-web", Cores: 3}, "m5.xlarge", "0.08 USD/h"},
		{descriptors.Class{Image: "debian-12", Architecture: "arm64"}, "t4g.nano", "0.0175 USD/h"},
	} {
		test.class.Type = descriptors.Compute
		quote, err := module.Quote(t.Context(), test.class)
		if err != nil || quote.Flavor != test.flavor || quote.Unit.String() != test.price {
			t.Errorf("%+v: %s at %s, %v; should be %s at %s", test.class, quote.Flavor, quote.Unit, err, test.flavor, test.price)
		}
	}
	for _, class := range []descriptors.Class{
		{Image: "debian-13"}, {Image: "debian-12", Cores: 64}, {Image: "amazon-linux-2023", Architecture: "arm64"},
	} {
		class.Type = descriptors.Compute
		_, err := module.Quote(t.Context(), class)
		var refusal sla.Refusal
		if !errors.As(err, &refusal) || refusal.Hint == "" {
			t.Errorf("%+v: %v, which is no refusal with a hint", class, err)
		}
	}
}

func TestAVolumeGrowsAndAMachineMustBeStoppedForIt(t *testing.T) {
	module, _ := opened(t, "")
	running := func(request vendormodules.Request) string {
		created, err := module.Create(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		until(t, module, created.ID, vendormodules.ResourceRunning)
		return created.ID
	}
	volume := running(requested("v", descriptors.Class{Type: descriptors.Volume, Size: quantity.GiB}))
	if err := module.Resize(t.Context(), volume, descriptors.Class{Size: 3 * quantity.GiB}); err != nil {
		t.Error(err)
	}
	if resource, err := module.Get(t.Context(), volume); err != nil || resource.Size != 3*quantity.GiB {
		t.Errorf("it has %s, %v", resource.Size, err)
	}
	if err := module.Resize(t.Context(), volume, descriptors.Class{Size: quantity.GiB}); !errors.Is(err, vendormodules.ErrUnsupported) {
		t.Errorf("to make it smaller: %v", err)
	}
	id := running(requested("m", machine()))
	larger := machine()
	larger.Cores = 4
	if err := module.Resize(t.Context(), id, larger); !errors.Is(err, vendormodules.ErrConflict) {
		t.Errorf("while it runs: %v", err)
	}
	if err := module.Stop(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	until(t, module, id, vendormodules.ResourceStopped)
	for range 2 {
		if err := module.Resize(t.Context(), id, larger); err != nil {
			t.Errorf("when it is stopped: %v", err)
		}
	}
}

// until waits until a resource is in a state.
func until(t *testing.T, module *ec2.Module, id string, state vendormodules.ResourceState) {
	t.Helper()
	vendortest.Eventually(t, 20*time.Second, id+" is "+string(state), func() error {
		resource, err := module.Get(context.WithoutCancel(t.Context()), id)
		if err == nil && resource.State != state {
			err = errors.New("it is " + string(resource.State))
		}
		return err
	})
}

func TestFaultsOfConfiguration(t *testing.T) {
	for more, want := range map[string]string{
		"flavors: [{name: m1.small}]": "write a name, cores and memory", "elastic-addresses: allways": `did you mean "always"`,
		"regoin: x": `did you mean "region"?`, "prices: {core-hour: 1 EUR, gib-hour: 1 USD}": "one currency",
		"types: [load-balancer]": "there is no", "images: {a: \"\"}": "write an id",
	} {
		if _, err := open(t, "http://127.0.0.1:1", more, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, and should say %q", more, err, want)
		}
	}
	if _, err := open(t, "nowhere", "", nil); err == nil || !strings.Contains(err.Error(), "is no URL") {
		t.Errorf("an endpoint that is none: %v", err)
	}
}
