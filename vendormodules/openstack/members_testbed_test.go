//go:build testbed

package openstack_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// target is an address that nothing is at: no packet reaches it. The balancer's appliance is asked in its place.
func (i independent) target(_ *testing.T, name string) vendormodules.Target {
	return vendormodules.Target{Name: name, Address: "10.0.0.200", Port: 8000 + len(name) + int(name[0])}
}

// turns is who would answer if packets were forwarded: the members that Octavia has told its appliances, in turns.
func (i independent) turns() func(context.Context, vendormodules.Resource, descriptors.Class) (string, error) {
	var turn atomic.Int64
	return func(_ context.Context, balancer vendormodules.Resource, _ descriptors.Class) (string, error) {
		var members []map[string]any
		for _, pool := range list(i, i.clients["balancer"], "lbaas/pools") {
			of, _ := pool["loadbalancers"].([]any)
			if len(of) == 1 && of[0].(map[string]any)["id"] == balancer.ID {
				if pool["provisioning_status"] != "ACTIVE" {
					return "", fmt.Errorf("pool %v is %v", pool["id"], pool["provisioning_status"])
				}
				members = list(i, i.clients["balancer"], fmt.Sprintf("lbaas/pools/%v/members", pool["id"]))
			}
		}
		if len(members) == 0 {
			return "", fmt.Errorf("balancer %s has no members", balancer.ID)
		}
		member := members[turn.Add(1)%int64(len(members))]
		if member["provisioning_status"] != "ACTIVE" {
			return "", fmt.Errorf("member %v is %v", member["name"], member["provisioning_status"])
		}
		return member["name"].(string), nil
	}
}
