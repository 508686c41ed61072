package ec2test

import (
	"slices"
	"strconv"
)

func createVolume(a *Account, asked parameters) (any, error) {
	made, err := a.again(asked)
	if err != nil {
		return nil, err
	}
	if made == nil {
		if asked.text("AvailabilityZone") != zone {
			return nil, failed("InvalidZone.NotFound", "The zone '%s' does not exist.", asked.text("AvailabilityZone"))
		}
		if id := asked.text("SnapshotId"); id != "" {
			if _, err := a.find(id, "InvalidSnapshot.NotFound"); err != nil {
				return nil, err
			}
		}
		made = a.add("vol-", "creating", "available", asked)
		if made.size, err = strconv.Atoi(asked.text("Size")); err != nil {
			return nil, failed("InvalidParameterValue", "size")
		}
		a.keep(asked, made)
	}
	return made.volumeItem(), nil
}

func describeVolumes(a *Account, asked parameters) (any, error) {
	found, next, err := a.list("vol-", "VolumeId", "InvalidVolume.NotFound", asked)
	items := make([]volumeItem, 0, len(found))
	for _, one := range found {
		items = append(items, one.volumeItem())
	}
	return struct {
		Volumes []volumeItem `xml:"volumeSet>item"`
		Next    string       `xml:"nextToken,omitempty"`
	}{items, next}, err
}

func deleteVolume(a *Account, asked parameters) (any, error) {
	one, err := a.find(asked.text("VolumeId"), "InvalidVolume.NotFound")
	if err != nil {
		return nil, err
	}
	if one.holder != "" {
		return nil, failed("VolumeInUse", "Volume %s is currently attached to %s", one.id, one.holder)
	}
	a.drop(one)
	return ok{true}, nil
}

func attach(a *Account, asked parameters) (any, error) {
	volume, err := a.find(asked.text("VolumeId"), "InvalidVolume.NotFound")
	if err != nil {
		return nil, err
	}
	machine, err := a.find(asked.text("InstanceId"), "InvalidInstanceID.NotFound")
	if err != nil {
		return nil, err
	}
	switch {
	case volume.holder != "":
		return nil, failed("VolumeInUse", "%s is already attached to an instance", volume.id)
	case volume.state != "available":
		return nil, failed("IncorrectState", "%s is not 'available'.", volume.id)
	case machine.state != "running" && machine.state != "stopped":
		return nil, failed("IncorrectState", "Instance '%s' is not 'running'.", machine.id)
	}
	volume.holder, volume.device = machine.id, asked.text("Device")
	return struct {
		Volume string `xml:"volumeId"`
		Status string `xml:"status"`
	}{volume.id, "attaching"}, nil
}

func detach(a *Account, asked parameters) (any, error) {
	volume, err := a.find(asked.text("VolumeId"), "InvalidVolume.NotFound")
	if err != nil {
		return nil, err
	}
	if volume.holder == "" || asked.text("InstanceId") != "" && volume.holder != asked.text("InstanceId") {
		return nil, failed("IncorrectState", "Volume '%s' is in the 'available' state.", volume.id)
	}
	volume.holder, volume.device = "", ""
	return struct {
		Volume string `xml:"volumeId"`
		Status string `xml:"status"`
	}{volume.id, "detaching"}, nil
}

func modifyVolume(a *Account, asked parameters) (any, error) {
	volume, err := a.find(asked.text("VolumeId"), "InvalidVolume.NotFound")
	if err != nil {
		return nil, err
	}
	size, err := strconv.Atoi(asked.text("Size"))
	if err != nil || size < volume.size {
		return nil, failed("InvalidParameterValue", "New size cannot be smaller than existing size")
	}
	volume.size = size
	return struct {
		Volume string `xml:"volumeModification>volumeId"`
		State  string `xml:"volumeModification>modificationState"`
	}{volume.id, "modifying"}, nil
}

func createSnapshot(a *Account, asked parameters) (any, error) {
	volume, err := a.find(asked.text("VolumeId"), "InvalidVolume.NotFound")
	if err != nil {
		return nil, err
	}
	made := a.add("snap-", "pending", "completed", asked)
	made.source, made.size = volume.id, volume.size
	return made.snapshotItem(), nil
}

func describeSnapshots(a *Account, asked parameters) (any, error) {
	found, next, err := a.list("snap-", "SnapshotId", "InvalidSnapshot.NotFound", asked)
	items := make([]snapshotItem, 0, len(found))
	for _, one := range found {
		items = append(items, one.snapshotItem())
	}
	return struct {
		Snapshots []snapshotItem `xml:"snapshotSet>item"`
		Next      string         `xml:"nextToken,omitempty"`
	}{items, next}, err
}

func deleteSnapshot(a *Account, asked parameters) (any, error) {
	one, err := a.find(asked.text("SnapshotId"), "InvalidSnapshot.NotFound")
	if err != nil {
		return nil, err
	}
	a.drop(one)
	return ok{true}, nil
}

func createImage(a *Account, asked parameters) (any, error) {
	machine, err := a.find(asked.text("InstanceId"), "InvalidInstanceID.NotFound")
	if err != nil {
		return nil, err
	}
	name := asked.text("Name")
	if slices.ContainsFunc(a.things, func(one *thing) bool { return one.name == name }) {
		return nil, failed("InvalidAMIName.Duplicate", "AMI name %s is already in use", name)
	}
	made := a.add("ami-", "pending", "available", asked)
	made.source, made.name = machine.id, name
	return struct {
		ID string `xml:"imageId"`
	}{made.id}, nil
}

func describeImages(a *Account, asked parameters) (any, error) {
	found, next, err := a.list("ami-", "ImageId", "InvalidAMIID.NotFound", asked)
	if err != nil {
		return nil, err
	}
	var items []imageItem
	for _, one := range found {
		items = append(items, imageItem{one.id, one.name, one.state, "x86_64", stamp(one.created), one.tagItems()})
	}
	if next == "" && slices.Contains(asked.list("Owner"), "amazon") && len(asked.list("ImageId")) == 0 {
		items = append(items, publicImages()...)
	}
	return struct {
		Images []imageItem `xml:"imagesSet>item"`
		Next   string      `xml:"nextToken,omitempty"`
	}{items, next}, nil
}

func deregister(a *Account, asked parameters) (any, error) {
	one, err := a.find(asked.text("ImageId"), "InvalidAMIID.NotFound")
	if err != nil {
		return nil, err
	}
	a.drop(one)
	return ok{true}, nil
}
