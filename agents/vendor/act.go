package vendor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// prepare makes sure that a class can be created before anything is: the image is there, the credentials are stored.
func (a *Agent) prepare(ctx context.Context, command *commandRecord) error {
	class, refusal := a.plain(*command.Command.Class)
	if refusal != nil {
		return *refusal
	}
	if len(a.description.Images) > 0 && class.Image != "" && !slices.Contains(a.description.Images, class.Image) {
		return sla.Refusal{
			Code: sla.RefusedUnsupported, Message: fmt.Sprintf("%s has no image %q", a.name, class.Image),
			Hint: "it has " + strings.Join(a.description.Images, ", "),
		}
	}
	fields := a.description.Credentials[single(class.Type)]
	if len(fields) == 0 {
		return nil
	}
	name := command.Command.Resource.Class
	scope := services.Scope{Vendor: a.name, Class: name, Agreement: command.Command.Agreement}
	credential, err := a.Vault.Credential(ctx, scope)
	if err != nil && !errors.Is(err, services.ErrNoCredential) {
		return fmt.Errorf("credential for %s: %w", name, err)
	}
	for _, field := range fields {
		if credential[field.Name].Reveal() == "" {
			return sla.Refusal{
				Code:    sla.RefusedCredentials,
				Message: fmt.Sprintf("%s at %s needs a credential (%s) and none is stored", name, a.name, field.Name),
				Hint:    fmt.Sprintf("agency credentials set --vendor %s --class %s", a.name, name),
			}
		}
	}
	return nil
}

// create makes a resource exist and waits until it runs. It may have been begun by an earlier run.
func (a *Agent) create(ctx context.Context, command *commandRecord, record *resourceRecord) error {
	record.Attempted = record.Attempted || command.resumed
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := record.begin(vendormodules.ResourceCreating); err != nil {
		return err
	}
	a.show(record)
	request, err := a.request(ctx, &command.Command, record)
	if request.Files != "" {
		defer os.Remove(request.Files) //nolint:errcheck // a copy of what is in the object store
	}
	if err != nil {
		return err
	}
	uncertain := record.Attempted
	record.Attempted = true
	resource, err := a.ensure(ctx, record.Key, uncertain, func() (vendormodules.Resource, error) {
		return a.Module.Create(ctx, request)
	})
	if err != nil {
		return err
	}
	record.Status.ID = resource.ID
	a.show(record)
	resource, err = a.watcher.await(ctx, resource, a.Now().Add(a.settleTime()), settledCreate)
	if err != nil {
		return err
	}
	a.takeOver(record, resource)
	if resource.State == vendormodules.ResourceError {
		return fmt.Errorf("it failed to start: %s", resource.Fault)
	}
	return nil
}

func settledCreate(resource vendormodules.Resource) bool {
	return resource.State != vendormodules.ResourceCreating && resource.State != vendormodules.ResourceRequested
}

// createTries is how often a create whose outcome was not known is begun anew, each time after it was made sure that
// there is nothing of the one before.
const createTries = 3

// ensure creates: exactly once where the cloud's create takes a token. Elsewhere eventually one: a create whose outcome
// is uncertain, be it of this run or of an earlier one, is not repeated before complete listings over the settle time
// have been without the resource.
func (a *Agent) ensure(
	ctx context.Context, key string, uncertain bool, create func() (vendormodules.Resource, error),
) (vendormodules.Resource, error) {
	for try := 1; ; try++ {
		if uncertain && !a.description.CreateToken {
			listed, found, err := a.search(ctx, key)
			if err != nil || found {
				return listed, err
			}
		}
		resource, err := create()
		if err == nil || a.description.CreateToken || !errors.Is(err, vendormodules.ErrTransient) || try == createTries {
			return resource, err
		}
		uncertain = true
	}
}

func (a *Agent) settleTime() time.Duration { return time.Duration(a.description.Settle) }

// search looks for a resource that the cloud may have been asked to create. It is absent when a complete listing that
// began after the settle time was without it. A listing that fails for the moment says nothing, and is tried again.
func (a *Agent) search(ctx context.Context, key string) (vendormodules.Resource, bool, error) {
	settled := a.Now().Add(a.settleTime())
	for {
		began := a.Now()
		listing, err := a.Module.List(ctx)
		for _, listed := range listing {
			if err == nil && listed.Key == key {
				return listed, true, nil
			}
		}
		if err == nil && !began.Before(settled) {
			return vendormodules.Resource{}, false, nil
		}
		if err != nil && !errors.Is(err, vendormodules.ErrTransient) {
			return vendormodules.Resource{}, false, fmt.Errorf("look whether it was created: %w", err)
		}
		if ended := pause(ctx, max(lookFirst, min(settleStep, a.settleTime()/4))); ended != nil {
			return vendormodules.Resource{}, false, fmt.Errorf("look whether it was created: %w", errors.Join(ended, err))
		}
	}
}

// settleStep is the time between two looks for a resource whose creation had an unknown outcome.
const settleStep = time.Second

func pause(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// request resolves what a command refers to into the cloud's terms.
func (a *Agent) request(
	ctx context.Context, command *proto.ResourceCommand, record *resourceRecord,
) (vendormodules.Request, error) {
	request := vendormodules.Request{
		Key: record.Key, Name: command.Name, Class: *command.Class, Targets: command.Targets,
		Rules: command.Rules,
		Tags: vendormodules.Tags{
			Agency: a.Peer.Agency(), Deployment: command.Resource.Deployment, Class: command.Resource.Class,
			Agreement: command.Agreement,
		},
	}
	request.Class.Type = record.Status.Type
	if refusal := a.originate(&request, record); refusal != nil {
		return request, *refusal
	}
	for _, mount := range command.Volumes {
		id, err := a.cloudID(command.Resource.Deployment, mount.Volume)
		if err != nil {
			return request, err
		}
		request.Volumes = append(request.Volumes, vendormodules.VolumeMount{Volume: id, Mount: mount.Mount})
	}
	for _, network := range command.Networks {
		id, err := a.cloudID(command.Resource.Deployment, network)
		if err != nil {
			return request, err
		}
		request.Networks = append(request.Networks, id)
	}
	if command.Upload == "" {
		return request, nil
	}
	var err error
	request.Files, err = a.fetch(ctx, command.Upload)
	return request, err
}

// cloudID is what the cloud calls another resource of the same deployment.
func (a *Agent) cloudID(deployment string, ref proto.ResourceRef) (string, error) {
	record := a.resource(ref)
	if record == nil || ref.Deployment != deployment || record.Status.ID == "" ||
		record.Status.State == vendormodules.ResourceGone {
		return "", fmt.Errorf("%s %d of this deployment is not at %s: %w", ref.Class, ref.Index, a.name, vendormodules.ErrInvalid)
	}
	return record.Status.ID, nil
}

// fetch copies an archive from the agent's object store to a file.
func (a *Agent) fetch(ctx context.Context, upload string) (path string, err error) {
	source, err := a.Peer.GetObject(ctx, a.name, upload)
	if err != nil {
		return "", fmt.Errorf("files %s: %w", upload, err)
	}
	defer source.Close()
	target, err := os.CreateTemp(a.Directory, uploads)
	if err != nil {
		return "", fmt.Errorf("files %s: %w", upload, err)
	}
	_, err = io.Copy(target, source)
	if err = errors.Join(err, target.Close()); err != nil {
		return target.Name(), fmt.Errorf("files %s: %w", upload, err)
	}
	return target.Name(), nil
}

// remove makes a resource gone, wherever it is on its way. What is gone already is as good.
func (a *Agent) remove(ctx context.Context, record *resourceRecord) error {
	if record.Status.State == vendormodules.ResourceGone {
		return nil
	}
	if err := record.begin(vendormodules.ResourceDeleting); err != nil {
		return err
	}
	a.show(record)
	if record.Status.ID == "" && record.Attempted {
		found, there, err := a.search(ctx, record.Key)
		if err != nil {
			return err
		}
		if there {
			record.Status.ID = found.ID
		}
	}
	if record.Status.ID != "" {
		if err := a.end(ctx, record.Status.ID); err != nil {
			return err
		}
	}
	if err := record.begin(vendormodules.ResourceGone); err != nil {
		return err
	}
	status := &record.Status
	status.Changed, status.Fault, status.Addresses, status.Warnings = a.Now().UTC(), "", nil, nil
	return nil
}

// end deletes a resource at the cloud and waits until it is not found there any more.
func (a *Agent) end(ctx context.Context, id string) error {
	err := a.Module.Delete(ctx, id)
	if err == nil {
		var left vendormodules.Resource
		left, err = a.watcher.await(ctx, vendormodules.Resource{ID: id, State: vendormodules.ResourceDeleting}, time.Time{}, broken)
		if err == nil {
			err = fmt.Errorf("it could not be deleted: %s", left.Fault)
		}
	}
	if errors.Is(err, vendormodules.ErrNotFound) {
		return nil
	}
	return err
}

// broken is what ends the wait for a resource to be gone, beside that.
func broken(resource vendormodules.Resource) bool {
	return resource.State == vendormodules.ResourceError
}
