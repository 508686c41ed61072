package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
)

// ErrNotStored is wrapped by the errors of events that the stream refused.
var ErrNotStored = errors.New("event was not stored")

// Publish says that something happened. It fills in the source and, where they are empty, the id and the time; when it
// returns nil the event is in the EVENTS stream. Publishing an event of the same id again within ten minutes stores it
// once, so after any error but ErrNotStored publish again.
func (p *Peer) Publish(ctx context.Context, event proto.Event) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	message, err := p.eventMessage(ctx, event)
	if err != nil {
		return fmt.Errorf("publish %s: %w", event.Kind, err)
	}
	answer, err := p.exchange(ctx, message)
	if err != nil {
		return fmt.Errorf("publish %s: %w", event.Kind, err)
	}
	if err := stored(answer); err != nil {
		return fmt.Errorf("publish %s: %w", event.Kind, err)
	}
	return nil
}

// publishSoon sends an event and does not wait to hear whether it was stored. It is good for longer than what it tells
// of.
func (p *Peer) publishSoon(ctx context.Context, event proto.Event) error {
	message, err := p.eventMessage(context.WithoutCancel(ctx), event)
	if err != nil {
		return err
	}
	return p.send(message)
}

func (p *Peer) eventMessage(ctx context.Context, event proto.Event) (*nats.Msg, error) {
	event.Source = p.identity.String()
	if event.ID == "" {
		event.ID = ulid.Make().String()
	}
	if event.At.IsZero() {
		event.At = p.now()
	}
	event.At = event.At.UTC()
	message := proto.Message{Performative: proto.Inform}
	if err := proto.Encode(&message, event); err != nil {
		return nil, err
	}
	message = p.complete(ctx, message)
	message.Conversation, message.ReplyWith = event.Deployment, ""
	if event.Outcome != nil {
		message.Command = event.Outcome.Command
	}
	headers, err := message.Seal(p.signer)
	if err != nil {
		return nil, err
	}
	headers[nats.MsgIdHdr] = []string{event.ID}
	subject := proto.SubjectEvent(p.identity.Name, event.Kind)
	return &nats.Msg{Subject: subject, Header: headers, Data: message.Body}, nil
}

// stored reads a stream's acknowledgement.
func stored(answer *nats.Msg) error {
	var acknowledgement struct {
		Stream string `json:"stream"`
		Error  *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &acknowledgement); err != nil {
		return fmt.Errorf("%w: stream answered %q", ErrNotStored, cut(string(answer.Data), 60))
	}
	if acknowledgement.Error != nil {
		return fmt.Errorf("%w: %s", ErrNotStored, acknowledgement.Error.Description)
	}
	return nil
}

// Listen calls handle with every event published on subject ("evt.>", "evt.ptc-athens.resource.changed") from now on,
// one after another, until stop is called, which waits for handle to return and must not be called by it. Events that
// come while the connection is down are missed; Follow reads them later. Events that do not verify, or that another than
// the subject's owner published, are recorded and left out. The same event may come twice; its ID tells.
func (p *Peer) Listen(ctx context.Context, subject string, handle func(proto.Message, proto.Event)) (stop func(), err error) {
	return p.ListenIf(ctx, subject, func(string) bool { return true }, handle)
}

// ListenIf is Listen for events about the ends of some commands. It asks of every event first whether its command is
// wanted, before anything about it is verified: to verify takes a hundred times as long, and of the ends that all are told
// of each agent waits for few. Events that name no command are wanted.
func (p *Peer) ListenIf(
	ctx context.Context, subject string, wanted func(command string) bool, handle func(proto.Message, proto.Event),
) (stop func(), err error) {
	subscription, err := p.connection.SubscribeSync(subject)
	if err != nil {
		return nil, fmt.Errorf("listen to %s: %w", subject, err)
	}
	if err := flush(ctx, p.connection); err != nil {
		return nil, errors.Join(fmt.Errorf("listen to %s: %w", subject, err), subscription.Unsubscribe())
	}
	listening, cancel := context.WithCancel(ctx)
	var owned sync.WaitGroup
	owned.Go(func() { p.listen(listening, subscription, wanted, handle) })
	return func() {
		cancel()
		owned.Wait()
	}, nil
}

func (p *Peer) listen(
	ctx context.Context, subscription *nats.Subscription, wanted func(command string) bool,
	handle func(proto.Message, proto.Event),
) {
	guard := proto.NewReplayGuard()
	for {
		raw, err := subscription.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, nats.ErrSlowConsumer):
			p.log.Warn("events were missed: they come faster than they are handled", zap.String("subject", subscription.Subject))
			continue
		case err != nil:
			if err := subscription.Unsubscribe(); err != nil && !gone(err) {
				p.log.Warn("unsubscribe", zap.String("subject", subscription.Subject), zap.Error(err))
			}
			return
		}
		if command := raw.Header.Get(proto.HeaderCommand); command != "" && !wanted(command) {
			continue
		}
		message, event, err := p.openEvent(ctx, raw.Subject, func() (proto.Message, error) {
			return p.verifier.VerifyPublished(raw.Header, raw.Data, guard)
		})
		if err != nil {
			p.refused(ctx, raw.Subject, raw.Header.Get(proto.HeaderSender), err)
			continue
		}
		handle(message, event)
	}
}

// openEvent verifies an event and that it is its source's to tell.
func (p *Peer) openEvent(ctx context.Context, subject string, verify func() (proto.Message, error)) (proto.Message, proto.Event, error) {
	message, err := p.verified(ctx, verify)
	if err != nil {
		return proto.Message{}, proto.Event{}, err
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(subject, "evt."), ".")
	if message.Sender.Name != name || message.Sender.Role == proto.RoleClient {
		return proto.Message{}, proto.Event{}, fmt.Errorf("%w: %s on %s", errNotOwner, message.Sender, subject)
	}
	event, err := proto.Decode[proto.Event](message)
	if err != nil {
		return proto.Message{}, proto.Event{}, err
	}
	if event.Source != message.Sender.String() {
		return proto.Message{}, proto.Event{}, fmt.Errorf("%w: %s says it is %q", errNotOwner, message.Sender, event.Source)
	}
	return message, event, nil
}

// errNotOwner is why an event is not taken that somebody else tells than whom it happened to.
var errNotOwner = errors.New("not the sender's to tell")

// gone says whether an error only means that the subscription ended before.
func gone(err error) bool {
	return errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrBadSubscription)
}
