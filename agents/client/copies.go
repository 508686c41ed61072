package client

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
)

// Snapshot makes a snapshot of a volume of a deployment, or an image of a machine, under a name that no other has at its
// vendor.
func (c *Client) Snapshot(ctx context.Context, name, source, as string) (Operation, error) {
	return c.start(ctx, name, proto.DeploymentCommand{Verb: proto.DeploymentSnapshot, Name: name, Source: source, As: as})
}

// Copies asks every vendor for the snapshots and images that it has, of a deployment by its id or of all.
func (c *Client) Copies(ctx context.Context, deployment string) (Inventory, error) {
	inventory, err := c.Resources(ctx, deployment)
	inventory.Resources = slices.DeleteFunc(inventory.Resources, func(one proto.ResourceStatus) bool { return one.Copy == nil })
	return inventory, err
}

// FindCopy is the snapshot or image of a name, at a vendor or wherever there is one. It is an error of class BadInput where
// several have that name, and of class NotFound where none has.
func (c *Client) FindCopy(ctx context.Context, name, vendor string) (proto.ResourceStatus, error) {
	inventory, err := c.Copies(ctx, "")
	if err != nil {
		return proto.ResourceStatus{}, err
	}
	var found []proto.ResourceStatus
	var names, vendors []string
	for _, one := range inventory.Resources {
		if vendor != "" && one.Vendor != vendor {
			continue
		}
		names = append(names, one.Name)
		if one.Name == name {
			found, vendors = append(found, one), append(vendors, one.Vendor)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return found[0], &Error{
			Code: CodeBadInput, Message: fmt.Sprintf("%s have a snapshot called %q", strings.Join(vendors, " and "), name),
			Hint: "say which by --vendor",
		}
	}
	missing := notFound("no snapshot or image %q", name)
	missing.Hint = "`agency snapshots` lists them"
	if nearest, near := descriptors.Nearest(name, names); near {
		missing.Hint = fmt.Sprintf("did you mean %s?", nearest)
	} else if len(inventory.Silent) > 0 {
		missing.Hint = "vendors that did not answer may have it; `agency vendors` lists them"
	}
	return proto.ResourceStatus{}, missing
}

// RemoveCopy deletes a snapshot or an image, and returns when it is gone.
func (c *Client) RemoveCopy(ctx context.Context, made proto.ResourceStatus) error {
	receiver := proto.Vendor(made.Vendor)
	outcome, err := execute[proto.ResourceCommand, proto.Outcome](ctx, c, receiver, proto.Request, proto.ResourceCommand{
		Verb: proto.VerbDelete, Resource: made.Ref, Agreement: made.Agreement, Name: made.Name, Copy: &proto.Copy{Name: made.Name},
	})
	if err == nil && outcome.Refusal != nil {
		err = refused(receiver.String(), *outcome.Refusal)
	}
	return err
}

// Copiers are the names of the vendors that can make copies of a type.
func (c *Client) Copiers(ctx context.Context, kind descriptors.ResourceType) ([]string, error) {
	vendors, err := c.Vendors(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, vendor := range vendors {
		if slices.Contains(vendor.Copies, kind) {
			names = append(names, vendor.Name)
		}
	}
	return names, nil
}
