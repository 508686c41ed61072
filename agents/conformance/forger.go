package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

// forger sends messages as the broker that the broker would not send.
type forger struct {
	bench      *Bench
	connection *nats.Conn
	// nobody is a key that no register has.
	nobody nkeys.KeyPair
}

func newForger(bench *Bench) (*forger, error) {
	connection, err := dial(bench, broker, "_INBOX_broker")
	if err != nil {
		return nil, err
	}
	nobody, err := nkeys.CreateUser()
	if err != nil {
		connection.Close()
		return nil, err
	}
	return &forger{bench: bench, connection: connection, nobody: nobody}, nil
}

// dial connects as somebody, without all that a peer makes sure of.
func dial(bench *Bench, identity proto.Identity, inbox string) (*nats.Conn, error) {
	credentials := bench.credentials[identity]
	connection, err := nats.Connect("", nats.InProcessServer(bench.server), nats.CustomInboxPrefix(inbox),
		nats.UserJWTAndSeed(credentials.JWT, credentials.Seed.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("connect as %s: %w", identity, err)
	}
	return connection, nil
}

func (f *forger) close() error {
	f.connection.Close()
	return nil
}

// key is the one that an agent signs with.
func (f *forger) key(identity proto.Identity) (nkeys.KeyPair, error) {
	credentials, enrolled := f.bench.credentials[identity]
	if !enrolled {
		return f.nobody, nil
	}
	return nkeys.FromSeed([]byte(credentials.Seed.Reveal()))
}

// seal completes and signs a message with somebody's key.
func (f *forger) seal(signer proto.Identity, message proto.Message) (*nats.Msg, error) {
	key, err := f.key(signer)
	if err != nil {
		return nil, err
	}
	if message.Sender == (proto.Identity{}) {
		message.Sender = broker
	}
	if message.Receiver == (proto.Identity{}) {
		message.Receiver = f.bench.vendor
	}
	message.ID = proto.FreshID()
	message.ReplyWith = message.ID
	if message.Conversation == "" {
		message.Conversation = message.ID
	}
	if message.Expires.IsZero() {
		message.Expires = time.Now().Add(30 * time.Second)
	}
	headers, err := message.Seal(key)
	if err != nil {
		return nil, err
	}
	return &nats.Msg{Header: headers, Data: message.Body}, nil
}

// send sends what may be no message at all and returns what comes back within a time, nil for nothing.
func (f *forger) send(ctx context.Context, subject string, message *nats.Msg, within time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	sent := &nats.Msg{Subject: subject, Header: message.Header, Data: message.Data}
	answer, err := f.connection.RequestMsgWithContext(ctx, sent)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, nil
	case errors.Is(err, nats.ErrNoResponders):
		return nil, bus.ErrAbsent
	}
	return answer, err
}
