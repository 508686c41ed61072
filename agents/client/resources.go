package client

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

// EachDeployment goes through the deployments of a name, or through all that stand, by name.
func (c *Client) EachDeployment(ctx context.Context, name string) iter.Seq2[proto.DeploymentStatus, error] {
	return listing[proto.DeploymentList](ctx, c, deployer, proto.Question{Topic: proto.TopicDeployments, Subject: name})
}

// Deployments lists the deployments of a name, or all that stand, by name.
func (c *Client) Deployments(ctx context.Context, name string) ([]proto.DeploymentStatus, error) {
	return proto.Collect(c.EachDeployment(ctx, name))
}

// Deployment is the one deployment of a name.
func (c *Client) Deployment(ctx context.Context, name string) (proto.DeploymentStatus, error) {
	found, err := c.Deployments(ctx, name)
	if err != nil {
		return proto.DeploymentStatus{}, err
	}
	if len(found) == 0 {
		missing := notFound("no deployment %q", name)
		missing.Hint = "`agency status` lists those that stand"
		return proto.DeploymentStatus{}, missing
	}
	// Of those that had the name, the one that stands now is the newest.
	return slices.MaxFunc(found, func(a, b proto.DeploymentStatus) int {
		return cmp.Compare(a.Descriptor.ID, b.Descriptor.ID)
	}), nil
}

// Samples are what the monitor last measured of the resources of a deployment by its id, or of all.
func (c *Client) Samples(ctx context.Context, deployment string) ([]proto.Sample, error) {
	asked := proto.Question{Topic: proto.TopicSamples, Subject: deployment}
	return proto.Collect(listing[proto.SampleList](ctx, c, proto.Agent(proto.RoleMonitor), asked))
}

// Inventory is what the vendors say exists.
type Inventory struct {
	Resources []proto.ResourceStatus `json:"resources"`
	// Silent are the vendors that did not answer, and why: what they hold is missing from Resources.
	Silent map[string]string `json:"silent,omitempty"`
}

// askAtOnce bounds the vendors asked at the same time.
const askAtOnce = 16

// Resources asks every vendor for the resources of a deployment by its id, or for all.
func (c *Client) Resources(ctx context.Context, deployment string) (Inventory, error) {
	vendors, err := c.Vendors(ctx)
	if err != nil {
		return Inventory{}, err
	}
	lists := make([][]proto.ResourceStatus, len(vendors))
	faults := make([]error, len(vendors))
	var group errgroup.Group
	group.SetLimit(askAtOnce)
	asked := proto.Question{Topic: proto.TopicResources, Subject: deployment}
	for i, vendor := range vendors {
		group.Go(func() error {
			lists[i], faults[i] = proto.Collect(listing[proto.ResourceList](ctx, c, proto.Vendor(vendor.Name), asked))
			return nil
		})
	}
	_ = group.Wait()
	inventory := Inventory{Resources: []proto.ResourceStatus{}, Silent: map[string]string{}}
	for i, vendor := range vendors {
		if faults[i] != nil {
			inventory.Silent[vendor.Name] = faults[i].Error()
		}
		inventory.Resources = append(inventory.Resources, lists[i]...)
	}
	slices.SortFunc(inventory.Resources, byPlace)
	return inventory, nil
}

// Goods are what one vendor's cloud sells.
type Goods struct {
	Vendor  string                 `json:"vendor"`
	Flavors []vendormodules.Flavor `json:"flavors,omitempty"`
	Images  []vendormodules.Image  `json:"images,omitempty"`
	// Fault says why the vendor does not tell.
	Fault string `json:"fault,omitempty"`
}

// Flavors asks a vendor, or all if it is not named, for the sizes of machines that its cloud sells.
func (c *Client) Flavors(ctx context.Context, vendor string) ([]Goods, error) {
	return c.goods(ctx, vendor, func(one proto.Identity) (goods Goods, err error) {
		goods.Flavors, err = proto.Collect(listing[proto.FlavorList](ctx, c, one, proto.Question{Topic: proto.TopicFlavors}))
		return goods, err
	})
}

// Images asks a vendor, or all if it is not named, for what machines can be made of.
func (c *Client) Images(ctx context.Context, vendor string) ([]Goods, error) {
	return c.goods(ctx, vendor, func(one proto.Identity) (goods Goods, err error) {
		goods.Images, err = proto.Collect(listing[proto.ImageList](ctx, c, one, proto.Question{Topic: proto.TopicImages}))
		return goods, err
	})
}

// goods asks vendors side by side; one of a name that there is not is an error.
func (c *Client) goods(ctx context.Context, name string, ask func(vendor proto.Identity) (Goods, error)) ([]Goods, error) {
	vendors, err := c.Vendors(ctx)
	if err != nil {
		return nil, err
	}
	if name != "" {
		vendors = slices.DeleteFunc(vendors, func(vendor proto.VendorStatus) bool { return vendor.Name != name })
		if len(vendors) == 0 {
			missing := notFound("no vendor %q", name)
			missing.Hint = "`agency vendors` lists them"
			return nil, missing
		}
	}
	told := make([]Goods, len(vendors))
	var group errgroup.Group
	group.SetLimit(askAtOnce)
	for i, vendor := range vendors {
		group.Go(func() error {
			var err error
			if told[i], err = ask(proto.Vendor(vendor.Name)); err != nil {
				told[i] = Goods{Fault: err.Error()}
			}
			told[i].Vendor = vendor.Name
			return nil
		})
	}
	return told, group.Wait()
}

// byPlace orders resources by deployment, class, index and generation.
func byPlace(a, b proto.ResourceStatus) int {
	return cmp.Or(
		cmp.Compare(a.Ref.Deployment, b.Ref.Deployment), cmp.Compare(a.Ref.Class, b.Ref.Class),
		cmp.Compare(a.Ref.Index, b.Ref.Index), cmp.Compare(a.Ref.Generation, b.Ref.Generation),
		cmp.Compare(a.Name, b.Name),
	)
}
