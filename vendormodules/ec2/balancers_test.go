package ec2_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ec2/ec2test"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

func balancer(protocol string) descriptors.Class {
	return descriptors.Class{Type: descriptors.LoadBalancer, Listen: 8080, Protocol: protocol}
}

func TestABalancerIsOfTheKindThatItsZonesAllow(t *testing.T) {
	for _, test := range []struct {
		zones    int
		protocol string
		kind     string
	}{{2, "", "application"}, {2, "http", "application"}, {1, "http", "network"}, {2, "tcp", "network"}} {
		account := &ec2test.Account{Zones: test.zones}
		id := made(t, beside(t, account, ""), requested("b", balancer(test.protocol)))
		if kind := account.BalancerKind(id); kind != test.kind {
			t.Errorf("in %d zones for %q it is %s", test.zones, test.protocol, kind)
		}
	}
	module := beside(t, &ec2test.Account{}, "")
	if _, err := module.Create(t.Context(), requested("b", balancer("tcp"))); !errors.Is(err, vendormodules.ErrUnsupported) {
		t.Errorf("where there is no subnet: %v", err)
	}
}

func TestABalancersGroupLetsAnyoneInAtItsPort(t *testing.T) {
	account := &ec2test.Account{Zones: 1}
	request := requested("b", balancer("tcp"))
	request.Tags.Deployment, request.Tags.Class = "shop", "front"
	id := made(t, beside(t, account, ""), request)
	want := []string{"tcp 8080 8080 0.0.0.0/0", "tcp 8080 8080 ::/0"}
	if rules := account.Rules(id); !slices.Equal(rules, want) {
		t.Errorf("it lets in %q, and should %q", rules, want)
	}
}

func TestTargetsAreReachedInsideTheVPC(t *testing.T) {
	account := &ec2test.Account{Zones: 1}
	module := beside(t, account, "")
	machine := made(t, module, requested("m", machine()))
	until(t, module, machine, vendormodules.ResourceRunning)
	shown, err := module.Get(t.Context(), machine)
	if err != nil {
		t.Fatal(err)
	}
	request := requested("b", balancer("tcp"))
	request.Targets = []vendormodules.Target{
		{Name: "m", Address: shown.Addresses[0].Address, Port: 80}, {Name: "joined", Address: "192.168.7.7", Port: 81},
	}
	front, err := module.Create(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	until(t, module, front.ID, vendormodules.ResourceRunning)
	var reached []string
	for range 2 {
		to, err := account.Forward(front.Addresses[0].Address, 8080)
		if err != nil {
			t.Fatal(err)
		}
		reached = append(reached, to)
	}
	slices.Sort(reached)
	if !slices.Equal(reached, []string{shown.Addresses[1].Address + ":80", "192.168.7.7:81"}) {
		t.Errorf("it reaches %q; the machine has %+v", reached, shown.Addresses)
	}
	stranger := []vendormodules.Target{{Name: "stranger", Address: "203.0.113.9", Port: 80}}
	if err := module.SetTargets(t.Context(), front.ID, stranger); !errors.Is(err, vendormodules.ErrInvalid) || !strings.Contains(err.Error(), "stranger") {
		t.Errorf("a target of nobody's: %v", err)
	}
}

func TestAnInterruptedBalancerLeavesNothing(t *testing.T) {
	for _, action := range []string{"CreateTargetGroup", "CreateLoadBalancer", "CreateListener", "RegisterTargets"} {
		account := &ec2test.Account{Zones: 1}
		module := beside(t, account, "")
		account.Fail(action, "InternalError")
		request := requested("b", balancer("tcp"))
		request.Targets = []vendormodules.Target{{Name: "one", Address: "10.0.0.9", Port: 80}}
		if _, err := module.Create(t.Context(), request); !errors.Is(err, vendormodules.ErrTransient) {
			t.Errorf("without %s: %v", action, err)
		}
		listed, err := module.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range listed {
			if err := module.Delete(t.Context(), one.ID); err != nil {
				t.Errorf("after %s failed: %v", action, err)
			}
		}
		if _, err := module.List(t.Context()); err != nil || account.Count() != 0 {
			t.Errorf("after %s failed, %d things are left (%v)", action, account.Count(), err)
		}
	}
}

func TestADeletedTargetGroupThatIsInUseYetIsSwept(t *testing.T) {
	account := &ec2test.Account{Zones: 1}
	module := beside(t, account, "")
	id := made(t, module, requested("b", balancer("tcp")))
	account.Fail("DeleteTargetGroup", "ResourceInUse")
	if err := module.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := module.List(t.Context()); err != nil || account.Count() != 0 {
		t.Errorf("%d things are left (%v)", account.Count(), err)
	}
	if err := module.Delete(t.Context(), id); !errors.Is(err, vendormodules.ErrNotFound) {
		t.Errorf("to delete it again: %v", err)
	}
}

func TestChecksAreWithinWhatTheCloudCanDo(t *testing.T) {
	for _, check := range []descriptors.Check{
		{}, {Path: "/healthz", Every: quantity.Duration(100 * time.Millisecond)}, {Every: quantity.Duration(time.Hour), Timeout: quantity.Duration(time.Hour)},
	} {
		class := balancer("tcp")
		class.Check = check
		if _, err := beside(t, &ec2test.Account{Zones: 1}, "").Create(t.Context(), requested("b", class)); err != nil {
			t.Errorf("%+v: %v", check, err)
		}
	}
}

func TestABalancerBeyondTheAccountsIsBeyondTheQuota(t *testing.T) {
	account := &ec2test.Account{Zones: 1}
	module := beside(t, account, "")
	account.Fail("CreateLoadBalancer", "TooManyLoadBalancers")
	if _, err := module.Create(t.Context(), requested("b", balancer("tcp"))); !errors.Is(err, vendormodules.ErrQuota) {
		t.Errorf("the error is %v", err)
	}
}

func TestABalancerBearsTheLossOfEachAnswer(t *testing.T) {
	line := lineTo()
	account := &ec2test.Account{Zones: 1, Late: 2}
	url := account.Start(t)
	module := known(t, url, everything(url), t.TempDir(), line)
	lost := true
	for nth := 1; lost; nth++ {
		request := requested(fmt.Sprintf("b-%d", nth), balancer("tcp"))
		request.Targets = []vendormodules.Target{{Name: "one", Address: "10.0.0.9", Port: 80}}
		dropped := line.Drop(nth)
		created, err := module.Create(t.Context(), request)
		if lost = dropped(); lost {
			if !errors.Is(err, vendormodules.ErrTransient) {
				t.Fatalf("without answer %d: %v", nth, err)
			}
			created, err = module.Create(t.Context(), request)
		}
		if err != nil {
			t.Fatalf("after answer %d was lost: %v", nth, err)
		}
		until(t, module, created.ID, vendormodules.ResourceRunning)
		if to, err := account.Forward(created.Addresses[0].Address, 8080); err != nil || to != "10.0.0.9:80" {
			t.Errorf("after answer %d was lost it sends to %q (%v)", nth, to, err)
		}
		if err := module.Delete(t.Context(), created.ID); err != nil {
			t.Fatal(err)
		}
		vendortest.Eventually(t, 10*time.Second, "nothing is left", func() error {
			if listed, err := module.List(t.Context()); err != nil || len(listed) > 0 || account.Count() > 0 {
				return fmt.Errorf("%d are listed and %d there (%w)", len(listed), account.Count(), err)
			}
			return nil
		})
	}
}

func TestOtherServicesThrottleToo(t *testing.T) {
	account := &ec2test.Account{Zones: 1}
	module := beside(t, account, "")
	for _, code := range []string{"Throttling", "RequestLimitExceeded"} {
		account.Fail("CreateLoadBalancer", code)
		_, err := module.Create(t.Context(), requested("b", balancer("tcp")))
		if !errors.Is(err, vendormodules.ErrTransient) {
			t.Errorf("%s is %v", code, err)
		}
		var hint vendormodules.RetryAfter
		if code == "RequestLimitExceeded" && (!errors.As(err, &hint) || hint.RetryAfter() != 7*time.Second) {
			t.Errorf("the cloud's hint of 7 seconds is lost: %v", err)
		}
	}
	id := made(t, module, requested("b", balancer("tcp")))
	account.Fail("DescribeTargetHealth", "Throttling")
	if err := module.SetTargets(t.Context(), id, nil); !errors.Is(err, vendormodules.ErrTransient) {
		t.Errorf("its targets: %v", err)
	}
}
