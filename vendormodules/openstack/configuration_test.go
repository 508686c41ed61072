package openstack_test

import (
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/openstack"
)

// TestFaultsAreToldTogether has every line of a configuration wrong, each in its way.
func TestFaultsAreToldTogether(t *testing.T) {
	const configuration = `auth-url: cloud.example.org
sign-in: passwort
clouds-file: clouds.yaml
interface: private
floating-addresses: sometimes
endpoints: { compute: nova, swift: "https://cloud.example.org" }
boot-volume: -1GiB
country: Greece
regoin: here
`
	err := openstack.Kind().Check(parsed(t, configuration))
	if err == nil {
		t.Fatal("nothing is wrong with it")
	}
	for _, part := range []string{
		`:1:11  auth-url: "cloud.example.org" is not a URL`, `:2:10  sign-in: "passwort" means nothing here; the nearest is "password"`,
		`clouds-file: only with sign-in: clouds.yaml`, `:4:12  interface: "private"`, `:5:21  floating-addresses: "sometimes"`,
		`endpoints.compute: "nova" is not a URL`, `endpoints.swift: "swift" means nothing`, `:7:14  boot-volume`,
		`:8:10  country: "Greece" is not a country`, `:9:1  regoin: no such field; did you mean "region"?`,
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the faults do not say %q:\n%v", part, err)
		}
	}
}

// TestAWayIntoMachinesIsAskedFor sees that machines are entered where the configuration says so alone.
func TestAWayIntoMachinesIsAskedFor(t *testing.T) {
	for more, wanted := range map[string]bool{"": false, ", ssh: true": true, ", ssh: true, types: [volume]": false} {
		module, err := openstack.New(parsed(t, "{auth-url: http://127.0.0.1:5000/v3"+more+"}"), vendormodules.Environment{})
		must(t, err)
		abilities := vendormodules.AbilitiesOf(module)
		if (abilities.Executor != nil) != wanted || (abilities.Files != nil) != wanted {
			t.Errorf("with %q it has the abilities %+v", more, abilities)
		}
	}
}

// TestDescriptionFollowsTheConfiguration sees that what is not offered is not said to be there.
func TestDescriptionFollowsTheConfiguration(t *testing.T) {
	for configuration, wanted := range map[string]struct {
		fields   int
		attaches bool
		balances bool
	}{
		"{auth-url: http://127.0.0.1:5000/v3}":                                                           {2, true, true},
		"{auth-url: http://127.0.0.1:5000/v3, types: [compute, network]}":                                {2, false, false},
		"{sign-in: clouds.yaml, cloud: mine}":                                                            {1, true, true},
		"{sign-in: clouds.yaml, cloud: mine, clouds-file: /etc/openstack/clouds.yaml, types: [volume]}":  {0, false, false},
		"{auth-url: http://127.0.0.1:5000/v3, sign-in: password, project: demo, types: [load-balancer]}": {2, false, true},
	} {
		module, err := openstack.New(parsed(t, configuration), vendormodules.Environment{})
		must(t, err)
		description, abilities := module.Describe(), vendormodules.AbilitiesOf(module)
		if fields := description.Credentials[description.Types[0]]; len(fields) != wanted.fields {
			t.Errorf("%s needs the fields %+v", configuration, fields)
		}
		if description.CreateToken || description.Settle <= 0 {
			t.Errorf("%s is said to recognise a repeated create", configuration)
		}
		if (abilities.Attacher != nil) != wanted.attaches || (abilities.Balancer != nil) != wanted.balances {
			t.Errorf("%s has the abilities %+v", configuration, abilities)
		}
	}
}
