package vsphere

import (
	"context"
	"errors"
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Create implements vendormodules.Module. What it makes is named by the key, and vCenter has a name once in a folder; what
// an earlier create left half done is finished.
func (m *Module) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	kind := request.Class.Type
	return m.make(ctx, request.Key, fmt.Sprintf("create %s %s", kind, request.Key), func(c *connection) error {
		switch kind {
		case descriptors.Compute:
			return m.createMachine(ctx, c, request)
		case descriptors.Volume:
			return m.createVolume(ctx, c, request)
		case descriptors.Network:
			return m.createNetwork(ctx, c, request)
		}
		return fmt.Errorf("no %s here: %w", kind, vendormodules.ErrUnsupported)
	})
}

// make lets one caller at a time see to what has a key, and shows what is there then.
func (m *Module) make(
	ctx context.Context, key, what string, create func(c *connection) error,
) (made vendormodules.Resource, err error) {
	release, err := m.acquire(ctx, key)
	if err != nil {
		return made, fmt.Errorf("vsphere: %s: %w", what, err)
	}
	defer release()
	err = m.do(ctx, what, func(c *connection) error {
		found, err := m.find(ctx, c, key)
		if err == nil && (found.Type != descriptors.Compute || found.stage == stageBegun) {
			made = found.show()
			return nil
		}
		if err != nil && !errors.Is(err, vendormodules.ErrNotFound) {
			return err
		}
		if err == nil && found.stage == stageJoined {
			err = m.begin(ctx, c, found)
		} else {
			err = create(c)
		}
		if err != nil {
			return err
		}
		found, err = m.find(ctx, c, key)
		made = found.show()
		return err
	})
	return made, err
}

// describe is what is written into what a request asks for.
func (m *Module) describe(key, name string, kind descriptors.ResourceType, tags vendormodules.Tags) record {
	return record{Key: key, Name: name, Type: kind, Tags: tags, Created: m.environment.Now().UTC()}
}

// wait waits for a task, and returns what it made.
func wait(ctx context.Context, task *object.Task, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	information, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return nil, err
	}
	return information.Result, nil
}

// done is wait for a task that makes nothing.
func done(ctx context.Context, task *object.Task, err error) error {
	_, err = wait(ctx, task, err)
	return err
}

// extra is an entry of a machine's extra configuration.
func extra(key, value string) types.BaseOptionValue {
	return &types.OptionValue{Key: key, Value: value}
}
