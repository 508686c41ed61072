package deployer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
)

// prepareGrace is how long the others are waited for when one class cannot be created: long enough to hear everything
// that is wrong, and no longer than that if a vendor is silent.
const prepareGrace = 2 * time.Second

// prepare asks each vendor whether some classes can be created, and brings it their files. It returns everything that is
// wrong.
func (a *Agent) prepare(ctx context.Context, target *deployment, classes []string) error {
	record := target.snapshot()
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	giveUp := sync.OnceValue(func() *time.Timer { return time.AfterFunc(prepareGrace, cancel) })
	err := each(len(classes), func(i int) error {
		err := a.prepareClass(asking, record, classes[i])
		if err != nil {
			giveUp()
		}
		if errors.Is(err, context.Canceled) && ctx.Err() == nil {
			return nil // given up: another class's error is why
		}
		return err
	})
	if err != nil {
		giveUp().Stop()
	}
	return err
}

func (a *Agent) prepareClass(ctx context.Context, record deploymentRecord, name string) error {
	bound := record.Descriptor.Resources[name]
	if err := a.bring(ctx, bound); err != nil {
		return fmt.Errorf("bring the files of %s to %s: %w", name, bound.Vendor, err)
	}
	outcome, err := a.do(ctx, order{
		vendor: bound.Vendor, id: fmt.Sprintf("%s-prepare-%s", record.Operation, name),
		content: proto.ResourceCommand{
			Verb: proto.VerbPrepare, Agreement: bound.Agreement, Class: &bound.Class, Name: name,
			Resource: proto.ResourceRef{Deployment: record.Descriptor.ID, Class: name},
		},
	})
	if err == nil && outcome.Refusal != nil {
		err = *outcome.Refusal
	}
	return err
}

// bring copies a class's files from the deployer's object store to the vendor's.
func (a *Agent) bring(ctx context.Context, bound descriptors.BoundClass) error {
	if bound.Upload == "" {
		return nil
	}
	source, err := a.Peer.GetObject(ctx, string(proto.RoleDeployer), bound.Upload)
	if err != nil {
		return err
	}
	defer source.Close()
	_, _, err = a.Peer.PutObject(ctx, bound.Vendor, bound.Upload, source)
	return err
}
