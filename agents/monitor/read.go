package monitor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// readAlways reads now and at every tick, until the context ends.
func (a *Agent) readAlways(ctx context.Context) {
	ticks := a.Ticks
	if ticks == nil {
		ticker := time.NewTicker(a.Every)
		defer ticker.Stop()
		ticks = ticker.C
	}
	for {
		a.read(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
	}
}

// read asks every vendor of the register for measurements and the deployer for its deployments, side by side. It takes no
// longer than the time between readings.
func (a *Agent) read(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, a.Every)
	defer cancel()
	var deployer sync.WaitGroup
	deployer.Go(func() { a.learnDeployments(within) })
	defer deployer.Wait()

	vendors := a.Peer.Register().Vendors()
	a.board.keepVendors(vendors)
	question, err := asking(proto.TopicMeasure)
	if err != nil {
		a.Log.Error("question not made", zap.Error(err))
		return
	}
	subjects, vendorAt := make([]string, len(vendors)), make(map[string]string, len(vendors))
	for i, vendor := range vendors {
		subjects[i] = proto.SubjectQuery(vendor)
		vendorAt[subjects[i]] = vendor
	}
	for reply := range a.Peer.Gather(within, question, subjects, 0) {
		if ctx.Err() != nil {
			continue // the monitor is closing down, which says nothing about vendors
		}
		vendor := vendorAt[reply.Subject]
		samples, err := samplesIn(reply.Message, reply.Err)
		if err == nil {
			a.board.heard(vendor, samples)
		} else if a.board.silent(vendor) {
			a.Log.Warn("vendor does not answer", zap.String(services.FieldVendor, vendor), zap.Error(err))
		}
	}
}

// samplesIn are the samples that a vendor answered.
func samplesIn(answer proto.Message, err error) ([]proto.Sample, error) {
	if err != nil {
		return nil, err
	}
	if refusal, refused := proto.AsRefusal(answer); refused {
		return nil, refusal
	}
	list, err := proto.Decode[proto.SampleList](answer)
	return list.Samples, err
}

// learnDeployments asks the deployer which deployments there are. Where it is absent, events tell.
func (a *Agent) learnDeployments(ctx context.Context) {
	question, err := asking(proto.TopicDeployments)
	if err != nil {
		a.Log.Error("question not made", zap.Error(err))
		return
	}
	answer, err := a.Peer.Ask(ctx, proto.SubjectDeployerQuery, question)
	if err == nil {
		if refusal, refused := proto.AsRefusal(answer); refused {
			err = refusal
		}
	}
	if err != nil {
		a.Log.Debug("deployer does not answer", zap.Error(err))
		return
	}
	list, err := proto.Decode[proto.DeploymentList](answer)
	if err != nil {
		a.Log.Warn("deployer's answer not understood", zap.Error(err))
		return
	}
	for _, deployment := range list.Deployments {
		a.board.deployment(deployment.Descriptor.ID, deployment.Descriptor.Name, deployment.State)
	}
}

// changed learns of a deployment from an event. Only the deployer knows about those.
func (a *Agent) changed(message proto.Message, event proto.Event) {
	if message.Sender.Role == proto.RoleDeployer && event.Deployment != "" {
		a.board.deployment(event.Deployment, event.Name, event.State)
	}
}

func asking(topic proto.Topic) (proto.Message, error) {
	question := proto.Message{Performative: proto.QueryRef, Protocol: proto.QueryProtocol}
	if err := proto.Encode(&question, proto.Question{Topic: topic}); err != nil {
		return proto.Message{}, fmt.Errorf("ask for %s: %w", topic, err)
	}
	return question, nil
}

// gone says whether nothing of a deployment in that state can be measured any more.
func gone(state descriptors.DeploymentState) bool { return descriptors.DeploymentStates.Final(state) }
