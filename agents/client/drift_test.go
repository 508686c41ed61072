package client_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

func TestDrift(t *testing.T) {
	resource := func(index int, state vendormodules.ResourceState) proto.ResourceStatus {
		return proto.ResourceStatus{
			Ref:  proto.ResourceRef{Deployment: "d", Class: "web", Index: index, Generation: 1},
			Name: fmt.Sprintf("web-%d", index), Vendor: "athens", State: state,
		}
	}
	running := func(index int) proto.ResourceStatus { return resource(index, vendormodules.ResourceRunning) }
	broken := resource(1, vendormodules.ResourceError)
	stray := proto.ResourceStatus{
		Ref: proto.ResourceRef{Deployment: "d", Class: "web"}, Name: "stray", Vendor: "athens", Quarantined: true,
	}
	tests := map[string]struct {
		recorded, listed []proto.ResourceStatus
		silent           map[string]string
		wanted           int
		want             []string
	}{
		"as it should be":      {recorded: []proto.ResourceStatus{running(1)}, listed: []proto.ResourceStatus{running(1)}, wanted: 1},
		"not listed":           {recorded: []proto.ResourceStatus{running(1)}, wanted: 1, want: []string{"missing web-1"}},
		"gone as recorded":     {recorded: []proto.ResourceStatus{resource(1, vendormodules.ResourceGone)}},
		"never made":           {recorded: []proto.ResourceStatus{running(1)}, listed: []proto.ResourceStatus{running(1)}, wanted: 3, want: []string{"missing "}},
		"unknown to us":        {listed: []proto.ResourceStatus{running(7)}, want: []string{"extra web-7"}},
		"on its way out":       {listed: []proto.ResourceStatus{resource(7, vendormodules.ResourceDeleting)}},
		"quarantined":          {listed: []proto.ResourceStatus{stray}, want: []string{"extra stray"}},
		"does not work":        {recorded: []proto.ResourceStatus{running(1)}, listed: []proto.ResourceStatus{broken}, wanted: 1, want: []string{"error web-1"}},
		"its vendor is silent": {recorded: []proto.ResourceStatus{running(1)}, silent: map[string]string{"athens": "absent"}, wanted: 1, want: []string{"unknown web-1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			deployment := proto.DeploymentStatus{
				Descriptor: descriptors.Deployment{Resources: map[string]descriptors.BoundClass{"web": {Vendor: "athens"}}},
				Counts:     map[string]int{"web": test.wanted}, Resources: test.recorded,
			}
			var got []string
			for _, drift := range client.DriftOf(deployment, client.Inventory{Resources: test.listed, Silent: test.silent}) {
				got = append(got, string(drift.Kind)+" "+drift.Name)
				if drift.Message == "" && drift.Kind != client.DriftError {
					t.Errorf("%s says nothing", drift.Name)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
