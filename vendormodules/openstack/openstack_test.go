package openstack_test

import (
	"context"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/vendormodules/services"
)

const (
	agencyID = "agency-1"
	wait     = 4 * time.Minute
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func parsed(t testing.TB, configuration string) *yaml.Node {
	t.Helper()
	var node yaml.Node
	must(t, yaml.Unmarshal([]byte(configuration), &node))
	return &node
}

// stored is one credential for every scope.
type stored map[string]string

// Credential implements services.Credentials.
func (s stored) Credential(context.Context, services.Scope) (services.Credential, error) {
	credential := services.Credential{}
	for name, value := range s {
		credential[name] = services.NewSecret(value)
	}
	return credential, nil
}
