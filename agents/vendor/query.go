package vendor

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// measuresAtOnce bounds the resources measured at the same time.
const measuresAtOnce = 8

// query answers a question. It changes nothing.
func (a *Agent) query(ctx context.Context, message proto.Message) proto.Message {
	question, err := proto.Decode[proto.Question](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	switch question.Topic {
	case proto.TopicVendor:
		return proto.Answer(message, proto.Inform, a.status(ctx))
	case proto.TopicResources:
		return a.resourceList(message, question)
	case proto.TopicFlavors:
		return a.flavorList(ctx, message, question)
	case proto.TopicImages:
		return a.imageList(ctx, message, question)
	case proto.TopicMeasure:
		return a.sampleList(ctx, message, question)
	case proto.TopicCredentials:
		report, err := a.tryCredentials(ctx)
		if err != nil {
			return proto.Refusing(message, proto.Failure, *refusalOf(err))
		}
		return proto.Answer(message, proto.Inform, report)
	case proto.TopicCommand:
		return a.outcome(message, question.Subject)
	case proto.TopicOutput:
		return a.output(message, question)
	case proto.TopicConsole:
		return a.console(ctx, message, question)
	}
	return proto.Misunderstood(message, fmt.Errorf("a vendor is not asked about %q", question.Topic))
}

func (a *Agent) outcome(message proto.Message, id string) proto.Message {
	a.mutex.Lock()
	state := a.commands[id]
	var outcome *proto.Outcome
	if state != nil {
		outcome = state.record.Outcome
	}
	a.mutex.Unlock()
	if state == nil {
		return proto.Refusing(message, proto.Refuse, *refusalf(sla.RefusedNotFound, "%s knows no command %s", a.name, id))
	}
	return proto.Ended(message, outcome)
}

// status is what the agent says of itself.
func (a *Agent) status(ctx context.Context) proto.VendorStatus {
	description := a.description
	status := proto.VendorStatus{
		Name: a.name, Present: true, Description: &description, Sealing: a.Peer.SealingKey(),
		Clock: a.Now().UTC(), Copies: a.copyTypes(),
	}
	status.Held, status.Used = a.usage()
	var err error
	if status.Capacity, err = a.Module.Capacity(ctx); err != nil {
		status.Fault = err.Error()
	}
	stored, err := a.Vault.List(ctx)
	if err != nil {
		a.Log.Error("list credentials", zap.Error(err))
	}
	for _, credential := range stored {
		status.Credentials = append(status.Credentials, credential.Scope)
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	status.Quarantined = len(a.quarantined)
	if a.fault != "" {
		status.Fault = a.fault
	}
	return status
}

// resourceList answers with the resources of one deployment or of all.
func (a *Agent) resourceList(message proto.Message, question proto.Question) proto.Message {
	rest := proto.Rest(question.Page, placeOf, a.list(question.Subject))
	page, next, err := proto.Fill(question.Page, placeOf, rest)
	if err != nil {
		return proto.Refusing(message, proto.Failure, *refusalOf(err))
	}
	list := proto.ResourceList{Resources: make([]proto.ResourceStatus, 0, len(page)), Next: next}
	for _, status := range page {
		list.Resources = append(list.Resources, *status)
	}
	return proto.Answer(message, proto.Inform, list)
}

// placeOf is a resource's key in listings. Those in quarantine have the cloud's id in it and no other; an id that comes
// later must not move a resource. Copies, which share their source's class, have their name.
func placeOf(status *proto.ResourceStatus) string {
	switch {
	case status.Quarantined:
		return status.Ref.Key() + " " + status.ID
	case status.Copy != nil:
		return status.Ref.Key() + " " + status.Name
	}
	return status.Ref.Key()
}

// sampleList answers with measurements of one deployment or of all.
func (a *Agent) sampleList(ctx context.Context, message proto.Message, question proto.Question) proto.Message {
	var list proto.SampleList
	var err error
	place := func(sample proto.Sample) string { return sample.Resource.Key() }
	if list.Samples, list.Next, err = proto.Fill(question.Page, place, a.measure(ctx, question)); err != nil {
		return proto.Refusing(message, proto.Failure, *refusalOf(err))
	}
	return proto.Answer(message, proto.Inform, list)
}

// list is every resource that is not gone, of one deployment or of all, and what is quarantined, in no order. Nobody
// changes a record once others see it, so what is told of it is not copied.
func (a *Agent) list(deployment string) []*proto.ResourceStatus {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	resources := []*proto.ResourceStatus{}
	add := func(record *resourceRecord) {
		if record.Status.State != vendormodules.ResourceGone {
			resources = append(resources, &record.Status)
		}
	}
	if deployment == "" {
		for _, record := range a.resources {
			add(record)
		}
	} else {
		for key := range a.located[deployment] {
			add(a.resources[key])
		}
	}
	for _, resource := range a.quarantined {
		if deployment == "" || resource.Tags.Deployment == deployment {
			resources = append(resources, a.stray(resource))
		}
	}
	return resources
}

func (a *Agent) stray(resource vendormodules.Resource) *proto.ResourceStatus {
	return &proto.ResourceStatus{
		Ref:  proto.ResourceRef{Deployment: resource.Tags.Deployment, Class: resource.Tags.Class},
		Name: resource.Name, Type: resource.Type, Vendor: a.name, Agreement: resource.Tags.Agreement, State: resource.State,
		Quarantined: true, ID: resource.ID, Fault: resource.Fault, Warnings: resource.Warnings,
		Addresses: resource.Addresses, Created: resource.Created,
	}
}

// measuresAhead is how many resources are measured before the page is looked at again: no more than about fit on one.
const measuresAhead = 256

// measure reads what the cloud tells of every resource that runs, from the beginning of a page on and as far as it is
// asked for. What cannot be read just now is left out.
func (a *Agent) measure(ctx context.Context, question proto.Question) iter.Seq2[proto.Sample, error] {
	return func(yield func(proto.Sample, error) bool) {
		if a.abilities.Meter == nil {
			return
		}
		running := slices.DeleteFunc(a.list(question.Subject), func(status *proto.ResourceStatus) bool {
			return status.State != vendormodules.ResourceRunning || status.Quarantined || status.Copy != nil
		})
		rest, _ := proto.Collect(proto.Rest(question.Page, placeOf, running)) // what is at hand has no errors
		for some := range slices.Chunk(rest, measuresAhead) {
			for _, sample := range a.measureSome(ctx, some) {
				if len(sample.Measurements) > 0 && !yield(sample, nil) {
					return
				}
			}
		}
	}
}

// measureSome measures resources side by side. One that cannot be read has no measurements.
func (a *Agent) measureSome(ctx context.Context, resources []*proto.ResourceStatus) []proto.Sample {
	samples := make([]proto.Sample, len(resources))
	var group errgroup.Group
	group.SetLimit(measuresAtOnce)
	for i, status := range resources {
		group.Go(func() error {
			measurements, err := a.abilities.Meter.Measure(ctx, status.ID)
			if err != nil {
				a.Log.Debug("not measured", zap.String("resource", status.Name), zap.Error(err))
			}
			samples[i] = proto.Sample{Resource: status.Ref, Name: status.Name, Vendor: a.name, Measurements: measurements}
			return nil
		})
	}
	_ = group.Wait() // failures are logged one by one
	return samples
}

// credential stores or removes a credential that a person sealed for this agent.
func (a *Agent) credential(ctx context.Context, message proto.Message) proto.Message {
	command, err := proto.Decode[proto.CredentialCommand](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	if command.Scope.Vendor != a.name {
		return proto.Refusing(message, proto.Refuse, *refusalf(sla.RefusedBadRequest, "this is %s, not %s", a.name, command.Scope.Vendor))
	}
	if command.Remove {
		err = a.Vault.Remove(ctx, command.Scope)
	} else {
		err = a.store(ctx, command)
	}
	if err != nil {
		refusal := refusalOf(err)
		if refusal.Code == sla.RefusedCredentials {
			refusal.Code = sla.RefusedNotFound
		}
		return proto.Refusing(message, proto.Failure, *refusal)
	}
	return proto.Answer(message, proto.Inform, proto.Outcome{Command: message.Command})
}

func (a *Agent) store(ctx context.Context, command proto.CredentialCommand) error {
	plain, err := a.Peer.Unseal(command.Sealed)
	if err != nil {
		return fmt.Errorf("open the sealed credential: %w", vendormodules.ErrInvalid)
	}
	var values map[string]string
	if err := json.Unmarshal(plain, &values); err != nil || len(values) == 0 {
		return fmt.Errorf("read the sealed credential: %w", vendormodules.ErrInvalid) // err may quote a secret
	}
	credential := services.Credential{}
	for field, value := range values {
		credential[field] = services.NewSecret(value)
	}
	return a.Vault.Set(ctx, command.Scope, credential)
}
