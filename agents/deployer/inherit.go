package deployer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// disinherit finds out which agreements stand from before a deployment came here, and notes of them what it does not need.
// What a change that was agreed on since needs, the broker keeps.
func (a *Agent) disinherit(ctx context.Context, target *deployment) error {
	record := target.snapshot()
	if !record.Inherited {
		return nil
	}
	agreements, err := a.agreements(ctx, record.Descriptor.ID)
	if err != nil {
		return fmt.Errorf("find out what %s does not need any more: %w", record.Descriptor.Name, err)
	}
	return a.amend(ctx, target, func(record *deploymentRecord) (step, error) {
		superseded := maps.Clone(record.Superseded)
		if superseded == nil {
			superseded = map[string][]string{}
		}
		for _, agreement := range agreements {
			unneeded := slices.DeleteFunc(slices.Sorted(maps.Keys(agreement.Classes)), func(class string) bool {
				return record.Descriptor.Resources[class].Agreement == agreement.ID
			})
			if agreement.State == sla.AgreementObserved && len(unneeded) > 0 {
				superseded[agreement.ID] = unneeded
			}
		}
		record.Superseded, record.Inherited = superseded, false
		return step{}, nil
	})
}

// agreements are those of a deployment, as the broker has them.
func (a *Agent) agreements(ctx context.Context, deployment string) ([]sla.Agreement, error) {
	within, cancel := context.WithTimeout(ctx, releaseWithin)
	defer cancel()
	asked := proto.Question{Topic: proto.TopicAgreements, Subject: deployment}
	return proto.Collect(proto.Items(asked, func(page proto.Question) (list proto.AgreementList, err error) {
		message := proto.Message{
			Performative: proto.QueryRef, Protocol: proto.QueryProtocol, Conversation: deployment,
			Receiver: proto.Agent(proto.RoleBroker),
		}
		if err := proto.Encode(&message, page); err != nil {
			return list, err
		}
		answer, err := a.Peer.Ask(within, proto.SubjectBrokerQuery, message)
		switch refusal, refused := proto.AsRefusal(answer); {
		case errors.Is(err, bus.ErrAbsent) || err != nil && ctx.Err() == nil:
			return list, sla.Refusal{
				Code: sla.RefusedUnavailable, Message: "the broker does not answer", Hint: "`agency apply FILE` tries again",
			}
		case err != nil:
			return list, err
		case refused:
			return list, refusal
		}
		return proto.Decode[proto.AgreementList](answer)
	}))
}
