package ec2_test

import (
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ec2"
	"github.com/cloud-agency/agency/vendormodules/ec2/ec2test"
)

// beside opens a module that finds the cloud's other services at the account, too.
func beside(t *testing.T, account *ec2test.Account, more string) *ec2.Module {
	t.Helper()
	url := account.Start(t)
	module, err := open(t, url, everything(url)+more, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = module.Close() })
	return module
}

func TestTheCloudTellsPrices(t *testing.T) {
	volume := descriptors.Class{Type: descriptors.Volume, Size: 73 * quantity.GiB}
	for name, test := range map[string]struct {
		more            string
		off             []string
		machine, volume string
	}{
		"all":                     {"", nil, "0.0057 USD/h", "0.0088 USD/h"},
		"but what is configured":  {"prices: {flavors: {t3.nano: 0.005 USD/h}, storage-gib-month: 0.1 USD}", nil, "0.005 USD/h", "0.01 USD/h"},
		"not in another currency": {"prices: {core-hour: 0.01 EUR}", nil, "0.0215 EUR/h", "0.005 EUR/h"},
		"or has no list":          {"", []string{"GetProducts"}, "0.0175 USD/h", "0.005 USD/h"},
	} {
		t.Run(name, func(t *testing.T) {
			module := beside(t, &ec2test.Account{Page: 2, Off: test.off}, "flavor-families: [t3.]\n"+test.more)
			quote, err := module.Quote(t.Context(), machine())
			if err != nil || quote.Flavor != "t3.nano" || quote.Unit.String() != test.machine {
				t.Errorf("a machine is %s at %s, %v; should be t3.nano at %s", quote.Flavor, quote.Unit, err, test.machine)
			}
			if quote, err = module.Quote(t.Context(), volume); err != nil || quote.Unit.String() != test.volume {
				t.Errorf("a volume costs %s, %v; should be %s", quote.Unit, err, test.volume)
			}
		})
	}
}

func TestAPriceIsRoundedUp(t *testing.T) {
	module := beside(t, &ec2test.Account{}, "")
	flavors, err := module.Flavors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range flavors {
		if one.Name == "t4g.nano" && one.Price.String() != "0.004613 USD/h" {
			t.Errorf("0.0046123456 USD is shown as %s", one.Price)
		}
	}
}

func TestPricesThatCannotBeReadNowAreNotGuessed(t *testing.T) {
	account := &ec2test.Account{}
	module := beside(t, account, "flavor-families: [t3.]")
	account.Fail("GetProducts", "ThrottlingException")
	if quote, err := module.Quote(t.Context(), machine()); err == nil {
		t.Errorf("while the price list is throttled a machine costs %s", quote.Unit)
	}
	account.Fail("GetProducts", "AccessDeniedException")
	if quote, err := module.Quote(t.Context(), machine()); err != nil || quote.Unit.String() != "0.0175 USD/h" {
		t.Errorf("without the right to read it a machine costs %s, %v", quote.Unit, err)
	}
}

func TestCapacityIsTheAccountsQuotas(t *testing.T) {
	for name, test := range map[string]struct {
		more string
		off  []string
		want vendormodules.Usage
	}{
		"granted, and the usual":   {"", nil, vendormodules.Usage{Cores: 96, Storage: 50 * 1024 * quantity.GiB}},
		"of the families in use":   {"flavor-families: [p4d, t3., m5.]", nil, vendormodules.Usage{Cores: 104, Storage: 50 * 1024 * quantity.GiB}},
		"without quotas":           {"", []string{"GetServiceQuota"}, vendormodules.Usage{Instances: 20}},
		"where nothing tells them": {"", []string{"GetServiceQuota", "DescribeAccountAttributes"}, vendormodules.Usage{}},
	} {
		t.Run(name, func(t *testing.T) {
			capacity, err := beside(t, &ec2test.Account{Off: test.off}, test.more).Capacity(t.Context())
			if err != nil || capacity != test.want {
				t.Errorf("it is %+v, %v; should be %+v", capacity, err, test.want)
			}
		})
	}
}

func TestEndpointsOfOtherServicesAreChecked(t *testing.T) {
	for more, want := range map[string]string{
		"endpoints: {pirces: http://127.0.0.1}": `did you mean "prices"?`, "endpoints: {prices: nowhere}": "is no URL",
	} {
		if _, err := open(t, "http://127.0.0.1:1", more, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, and should say %q", more, err, want)
		}
	}
}
