package main

import (
	"context"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/descriptors"
)

// resourceNames are the volumes and machines, as far as the place wants them, of the deployment that was named before, and
// the classes of machines where one stands for all of it.
func resourceNames(ctx context.Context, agency *client.Client, place *cursor) []string {
	if len(place.given) == 0 {
		return nil
	}
	deployment, err := agency.Deployment(ctx, place.given[0])
	if err != nil {
		return nil
	}
	var names []string
	for _, resource := range deployment.Resources {
		machine, volume := resource.Type.RunsMachines(), resource.Type == descriptors.Volume
		if machine && place.names != namesOfVolumes || volume && (place.names == namesOfVolumes || place.names == namesOfSources) {
			names = append(names, resource.Name)
		}
		if machine && place.names == namesOfGroups {
			names = append(names, resource.Ref.Class)
		}
	}
	return names
}
