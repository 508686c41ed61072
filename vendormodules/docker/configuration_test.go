package docker

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

func configured(t *testing.T, text string) (configuration, error) {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	return configure(&node)
}

func TestAConfigurationIsFaultedAllAtOnce(t *testing.T) {
	_, err := configured(t, `
hosts:
  - { endpoint: "http://10.0.0.1" }
  - { endpoint: "tcp://10.0.0.2:2376", capacity: { cores: -1 } }
  - { endpoint: "tcp://10.0.0.2:2376" }
  - { endpoint: "ssh://10.0.0.3" }
ranges: 10.0.0.0/28
contry: GR
`)
	if err == nil {
		t.Fatal("nothing is wrong with it")
	}
	for _, wanted := range []string{
		`3:17  hosts[0].endpoint: "http://10.0.0.1" is no endpoint`, "hosts[1].capacity.cores: below zero",
		"hosts[2].endpoint: tcp://10.0.0.2:2376 is there twice", `hosts[3].endpoint: "ssh://10.0.0.3" is no endpoint`,
		"ranges: 10.0.0.0/28 has no room", `contry: no such field; did you mean "country"?`,
	} {
		if !strings.Contains(err.Error(), wanted) {
			t.Errorf("the error lacks %s:\n%v", wanted, err)
		}
	}
}

func TestWhatAConfigurationLeavesOut(t *testing.T) {
	c, err := configured(t, "{}")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Hosts) != 1 || c.Hosts[0].Endpoint != defaultEndpoint || !c.Ranges.IsValid() || len(c.credentialFields()) != 0 {
		t.Errorf("left out are %+v", c)
	}
	secured, err := configured(t, `hosts: [ { endpoint: "tcp://127.0.0.1:2376" }, { endpoint: "ssh://agency@127.0.0.1" } ]`)
	if err != nil {
		t.Fatal(err)
	}
	secrets := 0
	for _, field := range secured.credentialFields() {
		if field.Secret {
			secrets++
		}
	}
	if secrets != 2 {
		t.Errorf("the fields of the credential are %+v; of them the two private keys are secret", secured.credentialFields())
	}
}

func TestIDsTellTypesAndKeys(t *testing.T) {
	for _, kind := range kinds() {
		found, key, err := parseID(id(kind, "web-1-0123"))
		if found != kind || key != "web-1-0123" || err != nil {
			t.Errorf("%s is read as %s %s, %v", id(kind, "web-1-0123"), found, key, err)
		}
	}
	for _, text := range []string{"", "agency-compute-", "agency-compute-A", "web", id(descriptors.Cluster, "web")} {
		if _, _, err := parseID(text); err == nil {
			t.Errorf("%q is taken for one of ours", text)
		}
	}
}

func TestNoSecretIsTold(t *testing.T) {
	const planted = "planted-private-key"
	credential := services.Credential{}
	for _, field := range []string{fieldCA, fieldCertificate, fieldKey, fieldSSHKey, fieldSSHHostKey, fieldRegistryPassword} {
		credential[field] = services.NewSecret(planted)
	}
	for _, endpoint := range []string{"tcp://127.0.0.1:1", "ssh://agency@127.0.0.1:1"} {
		at := newHost(hostConfiguration{Endpoint: endpoint}, nil, time.Now)
		_, _, err := at.dial(t.Context(), credential)
		if !errors.Is(err, vendormodules.ErrAuthentication) || strings.Contains(err.Error(), planted) {
			t.Errorf("with a credential that makes no sense %s is reached with %v", endpoint, err)
		}
	}
}
