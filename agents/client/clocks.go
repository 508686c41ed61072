package client

import (
	"context"
	"time"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

// Clock is how an agent's clock compares with the one here.
type Clock struct {
	Agent string
	// Ahead is how far the agent's clock is ahead of the one here; negative when it is behind. It is known to half of
	// RoundTrip.
	Ahead     time.Duration
	RoundTrip time.Duration
}

// questionFor is a question that an agent answers cheaply.
func questionFor(agent proto.Identity) proto.Question {
	switch agent.Role {
	case proto.RoleBroker:
		return proto.Question{Topic: proto.TopicRegister}
	case proto.RoleDeployer:
		return proto.Question{Topic: proto.TopicDeployments, Subject: "none"}
	case proto.RoleMonitor:
		return proto.Question{Topic: proto.TopicSamples, Subject: "none"}
	}
	return proto.Question{Topic: proto.TopicVendor}
}

// Clock asks an agent what time it is. A vendor may say so in its status; what others answer runs out a known time after
// it was said. An agent whose clock is off by more than proto.ClockSkew may be refused, and refuse, altogether.
func (c *Client) Clock(ctx context.Context, agent proto.Identity, now func() time.Time) (Clock, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	message, err := newMessage(agent, proto.QueryRef, proto.QueryProtocol, questionFor(agent))
	if err != nil {
		return Clock{}, err
	}
	asked := now()
	answer, err := c.peer.Ask(ctx, querySubject(agent), message)
	answered := now()
	if err != nil {
		return Clock{}, unanswered(agent, false, err)
	}
	said := answer.Expires.Add(-bus.AnswerLifetime)
	if status, err := proto.Decode[proto.VendorStatus](answer); err == nil && !status.Clock.IsZero() {
		said = status.Clock
	}
	trip := answered.Sub(asked)
	return Clock{Agent: agent.String(), Ahead: said.Sub(asked.Add(trip / 2)), RoundTrip: trip}, nil
}
