package monitor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/agents/bus"
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
	asked := proto.Question{Topic: proto.TopicMeasure, Page: &proto.Page{}}
	question, err := asking(asked)
	if err != nil {
		a.Log.Error("question not made", zap.Error(err))
		return
	}
	subjects, vendorAt := make([]string, len(vendors)), make(map[string]string, len(vendors))
	for i, vendor := range vendors {
		subjects[i] = proto.SubjectQuery(vendor)
		vendorAt[subjects[i]] = vendor
	}
	var readers errgroup.Group
	readers.SetLimit(readAtOnce)
	for reply := range a.Peer.Gather(within, question, subjects, 0) {
		readers.Go(func() error {
			samples, err := a.samplesOf(within, asked, reply)
			vendor := vendorAt[reply.Subject]
			switch {
			case err == nil:
				a.board.heard(vendor, samples)
			case ctx.Err() == nil && a.board.silent(vendor): // a monitor that closes down says nothing about vendors
				a.Log.Warn("vendor does not answer", zap.String(services.FieldVendor, vendor), zap.Error(err))
			}
			return nil
		})
	}
	_ = readers.Wait() // failures are noted one by one
}

// readAtOnce bounds the vendors whose further pages are asked for side by side.
const readAtOnce = 16

// samplesOf are all samples of a vendor of which the first page has come.
func (a *Agent) samplesOf(ctx context.Context, asked proto.Question, first bus.Reply) ([]proto.Sample, error) {
	return proto.Collect(proto.Items(asked, func(page proto.Question) (proto.SampleList, error) {
		if page.Page.After == "" {
			return contentOf[proto.SampleList](first.Message, first.Err)
		}
		return ask[proto.SampleList](ctx, a.Peer, first.Subject, page)
	}))
}

// learnDeployments asks the deployer which deployments there are. Where it is absent, events tell.
func (a *Agent) learnDeployments(ctx context.Context) {
	asked := proto.Question{Topic: proto.TopicDeployments}
	deployments := proto.Items(asked, func(page proto.Question) (proto.DeploymentList, error) {
		return ask[proto.DeploymentList](ctx, a.Peer, proto.SubjectDeployerQuery, page)
	})
	for deployment, err := range deployments {
		if err != nil {
			a.Log.Debug("deployer does not answer", zap.Error(err))
			return
		}
		a.board.deployment(deployment.Descriptor.ID, deployment.Descriptor.Name, deployment.State)
	}
}

// ask asks one agent and reads the content that is expected of it.
func ask[C proto.Content](ctx context.Context, peer *bus.Peer, subject string, question proto.Question) (C, error) {
	message, err := asking(question)
	if err != nil {
		var none C
		return none, err
	}
	return contentOf[C](peer.Ask(ctx, subject, message))
}

// contentOf is what an agent answered.
func contentOf[C proto.Content](answer proto.Message, err error) (C, error) {
	var none C
	if err != nil {
		return none, err
	}
	if refusal, refused := proto.AsRefusal(answer); refused {
		return none, refusal
	}
	return proto.Decode[C](answer)
}

// changed learns of a deployment from an event. Only the deployer knows about those.
func (a *Agent) changed(message proto.Message, event proto.Event) {
	if message.Sender.Role == proto.RoleDeployer && event.Deployment != "" {
		a.board.deployment(event.Deployment, event.Name, event.State)
	}
}

func asking(question proto.Question) (proto.Message, error) {
	message := proto.Message{Performative: proto.QueryRef, Protocol: proto.QueryProtocol}
	if err := proto.Encode(&message, question); err != nil {
		return proto.Message{}, fmt.Errorf("ask for %s: %w", question.Topic, err)
	}
	return message, nil
}

// gone says whether nothing of a deployment in that state can be measured any more.
func gone(state descriptors.DeploymentState) bool { return descriptors.DeploymentStates.Final(state) }
