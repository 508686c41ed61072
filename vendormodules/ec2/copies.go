package ec2

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// Snapshot implements vendormodules.Snapshotter.
func (m *Module) Snapshot(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	earlier, err := m.find(ctx, request.Key, m.families()[3])
	if err == nil || !errors.Is(err, vendormodules.ErrNotFound) {
		return earlier, err
	}
	if !strings.HasPrefix(request.Source, "vol-") {
		return vendormodules.Resource{}, fmt.Errorf("ec2: volume %s: %w", request.Source, vendormodules.ErrNotFound)
	}
	answer, err := m.client.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{
		VolumeId:          &request.Source,
		TagSpecifications: specification(types.ResourceTypeSnapshot, request.Key, request.Name, request.Tags),
	})
	if err != nil {
		return vendormodules.Resource{}, fault("snapshot "+request.Key+" of "+request.Source, err)
	}
	made := types.Snapshot{
		SnapshotId: answer.SnapshotId, State: answer.State, Tags: answer.Tags, StartTime: answer.StartTime, VolumeSize: answer.VolumeSize,
	}
	if len(made.Tags) == 0 {
		made.Tags = specification("", request.Key, request.Name, request.Tags)[0].Tags
		err = m.unlabelled(ctx, aws.ToString(made.SnapshotId), made.Tags)
	}
	return m.remember(shownSnapshot(made)), err
}

func (m *Module) snapshots(ctx context.Context, asked question) ([]vendormodules.Resource, error) {
	found, err := collect(ctx, ec2.NewDescribeSnapshotsPaginator(m.client, &ec2.DescribeSnapshotsInput{
		SnapshotIds: asked.ids(), Filters: asked.filters(), OwnerIds: []string{"self"},
	}), func(page *ec2.DescribeSnapshotsOutput) []types.Snapshot { return page.Snapshots })
	return shownAll(found, shownSnapshot), fault("list snapshots", err)
}

func shownSnapshot(snapshot types.Snapshot) vendormodules.Resource {
	resource := tagged(snapshot.Tags)
	resource.ID, resource.Type = aws.ToString(snapshot.SnapshotId), descriptors.Snapshot
	resource.Created = aws.ToTime(snapshot.StartTime).UTC()
	resource.Size = quantity.Bytes(aws.ToInt32(snapshot.VolumeSize)) * quantity.GiB
	switch snapshot.State {
	case types.SnapshotStateCompleted:
		resource.State = vendormodules.ResourceRunning
	case types.SnapshotStateError:
		resource.State, resource.Fault = vendormodules.ResourceError, "the cloud says of the snapshot that it is in error"
	default:
		resource.State = vendormodules.ResourceCreating
	}
	return resource
}

func (m *Module) deleteSnapshot(ctx context.Context, id string) error {
	_, err := m.client.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: &id})
	return fault("delete "+id, err)
}

// Image implements vendormodules.Imager. The machine is not stopped for it.
func (m *Module) Image(ctx context.Context, request vendormodules.CopyRequest) (vendormodules.Resource, error) {
	made := m.families()[4]
	earlier, err := m.find(ctx, request.Key, made)
	if err == nil || !errors.Is(err, vendormodules.ErrNotFound) {
		return earlier, err
	}
	if _, err := m.instance(ctx, request.Source); err != nil {
		return vendormodules.Resource{}, err
	}
	tags := specification(types.ResourceTypeImage, request.Key, request.Name, request.Tags)
	answer, err := m.client.CreateImage(ctx, &ec2.CreateImageInput{
		InstanceId: &request.Source, Name: aws.String("agency-" + request.Key), NoReboot: aws.Bool(true), TagSpecifications: tags,
	})
	if codeOf(err) == "InvalidAMIName.Duplicate" {
		return m.find(ctx, request.Key, made)
	}
	if err != nil {
		return vendormodules.Resource{}, fault("image "+request.Key+" of "+request.Source, err)
	}
	resource := tagged(tags[0].Tags)
	resource.ID, resource.Type, resource.State = aws.ToString(answer.ImageId), descriptors.Image, vendormodules.ResourceCreating
	resource.Created = m.environment.Now().UTC()
	if m.lacking(tagging) != "" {
		err = m.label(ctx, resource.ID, tags[0].Tags)
	}
	return m.remember(resource), err
}

func (m *Module) madeImages(ctx context.Context, asked question) ([]vendormodules.Resource, error) {
	var all []vendormodules.Resource
	pages := ec2.NewDescribeImagesPaginator(m.client, &ec2.DescribeImagesInput{
		ImageIds: asked.ids(), Filters: asked.filters(), Owners: []string{"self"},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault("list images", err)
		}
		for _, one := range page.Images {
			resource := tagged(one.Tags)
			resource.ID, resource.Type, resource.Created = aws.ToString(one.ImageId), descriptors.Image, moment(one.CreationDate)
			switch one.State {
			case types.ImageStateAvailable:
				resource.State = vendormodules.ResourceRunning
			case types.ImageStateDeregistered:
				continue
			case types.ImageStateFailed, types.ImageStateError, types.ImageStateInvalid:
				resource.State, resource.Fault = vendormodules.ResourceError, "the cloud could not make the image"
			default:
				resource.State = vendormodules.ResourceCreating
			}
			all = append(all, resource)
		}
	}
	return all, nil
}

// deregister removes an image and the snapshots that it consists of.
func (m *Module) deregister(ctx context.Context, id string) error {
	_, err := m.client.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: &id, DeleteAssociatedSnapshots: aws.Bool(true)})
	return fault("delete "+id, err)
}
