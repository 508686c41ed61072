package bus_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/cloud-agency/agency/proto"
)

// rawClient is what somebody has who holds an agent's credentials and a NATS client, and none of our code.
type rawClient struct {
	*nats.Conn
	key     nkeys.KeyPair
	inbox   string
	refused chan error
}

// raw connects with an agent's credentials over TCP.
func (a *agency) raw(t testing.TB, agent string) *rawClient {
	t.Helper()
	credentials := a.credentials[agent]
	key, err := nkeys.FromSeed([]byte(credentials.Seed.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	inbox := "_INBOX_" + credentials.Identity.Name
	if credentials.Identity.Role == proto.RoleClient {
		inbox = "_INBOX_client_" + credentials.Identity.Name
	}
	refused := make(chan error, 1000)
	connection, err := nats.Connect(a.server.URL(),
		nats.UserJWTAndSeed(credentials.JWT, credentials.Seed.Reveal()), nats.CustomInboxPrefix(inbox), nats.ReconnectWait(time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	return &rawClient{connection, key, inbox, refused}
}

// sealed signs a message with the client's key, whoever it says it is from.
func (c *rawClient) sealed(t testing.TB, subject string, message proto.Message) *nats.Msg {
	t.Helper()
	if message.ID == "" {
		message.ID = proto.FreshID()
	}
	if message.Expires.IsZero() {
		message.Expires = time.Now().Add(30 * time.Second)
	}
	headers, err := message.Seal(c.key)
	if err != nil {
		t.Fatal(err)
	}
	return &nats.Msg{Subject: subject, Header: headers, Data: message.Body}
}

// flush returns when the server has worked off everything, and what it refused of it.
func (c *rawClient) flush(t testing.TB) []error {
	t.Helper()
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	// The callback for errors runs on its own goroutine, in order: one more refusal marks the end of what came before.
	const marker = "nobody.may.publish.this"
	if err := errors.Join(c.Publish(marker, nil), c.Flush()); err != nil {
		t.Fatal(err)
	}
	var refused []error
	for {
		select {
		case err := <-c.refused:
			if strings.Contains(err.Error(), marker) {
				return refused
			}
			refused = append(refused, err)
		case <-time.After(10 * time.Second):
			t.Fatal("the server refused nothing, not even what nobody may do")
		}
	}
}

// mayPublish says whether the server lets the client publish on subject.
func (c *rawClient) mayPublish(t testing.TB, subject string) bool {
	t.Helper()
	if err := c.Publish(subject, nil); err != nil {
		t.Fatal(err)
	}
	return len(c.flush(t)) == 0
}

// maySubscribe says whether the server lets the client subscribe to subject, in a queue group if queue is not empty.
func (c *rawClient) maySubscribe(t testing.TB, subject, queue string) bool {
	t.Helper()
	subscription, err := c.QueueSubscribeSync(subject, queue)
	if err != nil {
		t.Fatal(err)
	}
	defer subscription.Unsubscribe() // it may be gone with the refusal
	return len(c.flush(t)) == 0
}
