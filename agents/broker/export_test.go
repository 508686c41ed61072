package broker

import (
	"context"

	"github.com/cloud-agency/agency/agents/outbox"
	"github.com/cloud-agency/agency/proto"
)

// Offline is a broker without a bus, for tests of what it decides whatever the bus does.
type Offline struct{ agent *Agent }

// NewOffline makes one that gives its commands to commands and its events to publisher.
func NewOffline(options Options, commands commander, publisher outbox.Publisher) Offline {
	agent := newAgent(options, publisher)
	agent.commands = commands
	return Offline{agent}
}

// Start takes up what an earlier run left, until the context ends.
func (o Offline) Start(ctx context.Context) error { return o.agent.start(ctx) }

// Wait returns when everything has ended after the context has.
func (o Offline) Wait() { o.agent.background.Wait() }

// Give hands it a message.
func (o Offline) Give(ctx context.Context, message proto.Message) proto.Message {
	return o.agent.command(ctx, message)
}

// Keep writes down offers as if they had been gathered.
func (o Offline) Keep(ctx context.Context, offers proto.Offers) error {
	_, err := o.agent.keep(ctx, offers, proto.Submission{Name: offers.Name}, "", claim{})
	return err
}

// Forget deletes what has been kept long enough.
func (o Offline) Forget(ctx context.Context) error { return o.agent.forget(ctx) }

// Attempts are the attempts for a call as they are written down.
func (o Offline) Attempts(ctx context.Context, call string) ([]proto.Attempt, error) {
	records, err := o.agent.attempts(ctx, call)
	attempts := make([]proto.Attempt, len(records))
	for i := range records {
		attempts[i] = records[i].Attempt
	}
	return attempts, err
}

// Settled says whether nothing is left to be done.
func (o Offline) Settled(ctx context.Context) (bool, error) {
	standings, err := values(o.agent.books.standings.List(ctx))
	if err != nil {
		return false, err
	}
	for _, one := range standings {
		if one.Attempt != "" {
			return false, nil
		}
	}
	endings, err := o.agent.books.endings.List(ctx)
	return len(endings) == 0, err
}

// Agreements are those of a deployment as they are written down.
func (o Offline) Agreements(ctx context.Context, deployment string) (proto.AgreementList, error) {
	agreements, err := o.agent.agreements(ctx, deployment)
	return proto.AgreementList{Agreements: agreements}, err
}
