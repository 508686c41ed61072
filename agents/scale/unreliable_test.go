package scale_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/decorators"
)

// On clouds that lose answers, are late and stumble, everything is deployed all the same, nothing twice, and all of it can
// be removed again.
func TestUnreliableClouds(t *testing.T) {
	for name, configuration := range map[string]string{
		"lost creates, no token":    "{create-token: false, failures: {create: {lost: 40%}}, listing: {shows-after: 20ms..80ms}}",
		"lost creates with a token": "{failures: {create: {lost: 30%}}}",
		"every answer may be lost":  "{failures: {any: {lost: 10%}}}",
		"late listings":             "{listing: {shows-after: 50ms..150ms, lingers: 100ms}, boot: 5ms..100ms, deletion: 5ms..50ms}",
		"stumbling":                 "{failures: {any: {transient: 10%}}, latency: {any: 0s..10ms}}",
		"conflicting listings":      "{failures: {list: {conflict: 10%, authentication: 10%}}, boot: 20ms}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := startUnreliable(t, configuration)
			const applications = 3
			a.deployAll(applications, applications)
			a.verify(applications)
			for number := range applications {
				must(t, a.command(t.Context(), proto.DeploymentCommand{Verb: proto.DeploymentRemove, Name: deploymentName(number)}))
			}
			a.standing(0)
		})
	}
}

// What cannot be created for good is refused for its reason, and what stood by then is removed.
func TestHopelessClouds(t *testing.T) {
	for name, one := range map[string]struct {
		configuration string
		code          sla.RefusalCode
	}{
		"quota":           {"failures: {create: {quota: 100%}}", sla.RefusedQuota},
		"no capacity":     {"failures: {create: {no-capacity: 100%}}", sla.RefusedCapacity},
		"oversold":        {"{quotas: {cores: 100}, capacity: {cores: 4}}", sla.RefusedCapacity},
		"authentication":  {"failures: {create: {authentication: 100%}}", sla.RefusedCredentials},
		"conflict":        {"failures: {create: {conflict: 100%}}", sla.RefusedConflict},
		"never starts":    {"{boot: 5ms, boot-failures: 100%}", sla.RefusedInternal},
		"always stumbles": {"{create-token: false, failures: {create: {transient: 100%}}}", sla.RefusedUnavailable},
		"always lost":     {"{failures: {create: {lost: 100%}}}", sla.RefusedUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := startUnreliable(t, one.configuration)
			err := a.deploy(t.Context(), deploymentName(0))
			var refusal sla.Refusal
			if !errors.As(err, &refusal) || refusal.Code != one.code {
				t.Errorf("the deployment ended with %v (%s), want a refusal %s", err, refusal.Code, one.code)
			}
			a.standing(0)
		})
	}
}

// startUnreliable starts an agency on two clouds that are alike.
func startUnreliable(t *testing.T, configuration string) *agency {
	a := newAgency(t, 2, func(int) string { return configuration })
	a.reconcile = 100 * time.Millisecond
	a.decorators = decorators.Options{
		Retry: decorators.RetryOptions{
			First: 2 * time.Millisecond, Longest: 20 * time.Millisecond, Within: 300 * time.Millisecond,
		},
		Breaker: decorators.BreakerOptions{OpenFor: 50 * time.Millisecond},
	}
	a.start()
	t.Cleanup(a.stop)
	return a
}
