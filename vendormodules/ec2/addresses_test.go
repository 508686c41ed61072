package ec2_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ec2"
	"github.com/cloud-agency/agency/vendormodules/ec2/ec2test"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// public is the public address of a machine that runs; empty if it has none.
func public(t *testing.T, module *ec2.Module, id string) string {
	t.Helper()
	until(t, module, id, vendormodules.ResourceRunning)
	shown, err := module.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range shown.Addresses {
		if one.Public {
			return one.Address
		}
	}
	return ""
}

// away deletes everything, and fails the test if something is left that nobody lists.
func away(t *testing.T, module *ec2.Module, account *ec2test.Account) {
	t.Helper()
	vendortest.Eventually(t, 20*time.Second, "everything is gone", func() error {
		listed, err := module.List(t.Context())
		for _, one := range listed {
			err = errors.Join(err, module.Delete(t.Context(), one.ID))
		}
		if len(listed) > 0 || account.Count() > 0 {
			err = errors.Join(err, errors.New("something is left"))
		}
		return err
	})
}

func TestWhoIsToBeReachedFromOutsideHasAnElasticAddress(t *testing.T) {
	anyone := vendormodules.Rule{Protocol: "tcp", First: 80, Last: 80, From: netip.MustParsePrefix("0.0.0.0/0")}
	for _, test := range []struct {
		more            string
		inNetwork, asks bool
		elastic         bool
	}{
		{"", true, true, true}, {"", true, false, false}, {"", false, true, false},
		{"elastic-addresses: always", false, false, true}, {"elastic-addresses: never", true, true, false},
	} {
		account := &ec2test.Account{Late: 1, Slow: 1}
		module := beside(t, account, test.more)
		request := requested("m", machine())
		if test.inNetwork {
			network := made(t, module, requested("n", descriptors.Class{Type: descriptors.Network, Private: true}))
			until(t, module, network, vendormodules.ResourceRunning)
			request.Networks = []string{network}
		}
		if test.asks {
			request.Rules = []vendormodules.Rule{anyone}
		}
		id := made(t, module, request)
		if address := public(t, module, id); strings.HasPrefix(address, "203.0.113.") != test.elastic {
			t.Errorf("%+v: it has %q", test, address)
		}
		if again := made(t, module, request); again != id {
			t.Errorf("a repeat makes %s beside %s", again, id)
		}
		away(t, module, account)
	}
}

func TestAnElasticAddressOutlivesAStop(t *testing.T) {
	module := beside(t, &ec2test.Account{}, "elastic-addresses: always")
	id := made(t, module, requested("m", machine()))
	before := public(t, module, id)
	if err := module.Stop(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	until(t, module, id, vendormodules.ResourceStopped)
	if _, err := module.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := module.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if after := public(t, module, id); after != before {
		t.Errorf("before it has %s, and after %s", before, after)
	}
}

func TestAddressesThatNoMachineCameForAreReleased(t *testing.T) {
	account := &ec2test.Account{}
	module := beside(t, account, "elastic-addresses: always")
	for _, code := range []string{"InsufficientInstanceCapacity", "VcpuLimitExceeded"} {
		account.Fail("RunInstances", code)
		if _, err := module.Create(t.Context(), requested("m-"+strings.ToLower(code), machine())); err == nil {
			t.Errorf("%s goes unnoticed", code)
		}
	}
	if _, err := module.List(t.Context()); err != nil || account.Count() != 0 {
		t.Errorf("%d things are left (%v)", account.Count(), err)
	}
	account.Fail("AllocateAddress", "AddressLimitExceeded")
	if _, err := module.Create(t.Context(), requested("m", machine())); !errors.Is(err, vendormodules.ErrQuota) {
		t.Errorf("beyond the account's addresses: %v", err)
	}
}
