package conformance_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/conformance"
	"github.com/cloud-agency/agency/proto"
)

// imposter is a vendor agent at the bench that has a good one, on a bus of its own, do the work, and spoils it.
type imposter struct {
	t          *testing.T
	bench      *conformance.Bench
	key        nkeys.KeyPair
	connection *nats.Conn
	verifier   *proto.Verifier
	spoil      spoiling

	backend *backend
	// count of messages so far, and what was noted of them.
	count int
	notes map[string]string
}

// spoiling is what is wrong with an imposter.
type spoiling struct {
	// credulous ones verify nothing.
	credulous bool
	// silent ones tell no events.
	silent bool
	// message spoils an exchange.
	message func(i *imposter, message proto.Message, forward func(proto.Message) proto.Message) proto.Message
	// once is done at the start.
	once func(i *imposter)
}

// backend is the bus with the good agent.
type backend struct {
	house *house
	peers map[proto.Role]*bus.Peer
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	directory := t.TempDir()
	authority, err := bus.OpenAuthority(filepath.Join(directory, "authority"))
	must(t, err)
	identities := []proto.Identity{
		proto.Agent(proto.RoleBroker), proto.Agent(proto.RoleDeployer), {Role: proto.RoleClient, Name: "ada"}, proto.Vendor(vendorName),
	}
	credentials := map[proto.Role]bus.Credentials{}
	for _, identity := range identities {
		credentials[identity.Role], err = authority.Enrol(identity)
		must(t, err)
	}
	server, err := bus.StartServer(t.Context(), bus.ServerOptions{Authority: authority, Directory: filepath.Join(directory, "bus")})
	must(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	register, err := authority.Register()
	must(t, err)
	b := &backend{peers: map[proto.Role]*bus.Peer{}}
	for role, one := range credentials {
		one.Register, one.URL = register, server.URL()
		if role == proto.RoleVendor {
			b.house = newHouse(t, one, inMemory())
			continue
		}
		peer, err := bus.Connect(t.Context(), bus.Options{Credentials: one})
		must(t, err)
		t.Cleanup(func() { must(t, peer.Close()) })
		b.peers[role] = peer
	}
	return b
}

func newImposter(t *testing.T, spoil spoiling) *imposter {
	t.Helper()
	i := &imposter{t: t, bench: openBench(t), spoil: spoil, notes: map[string]string{}, backend: newBackend(t)}
	credentials := i.bench.Credentials()
	var err error
	i.key, err = nkeys.FromSeed([]byte(credentials.Seed.Reveal()))
	must(t, err)
	i.verifier, err = proto.NewVerifier(credentials.Identity, credentials.Account, credentials.Register, time.Now)
	must(t, err)
	i.connection, err = nats.Connect(credentials.URL, nats.UserJWTAndSeed(credentials.JWT, credentials.Seed.Reveal()),
		nats.CustomInboxPrefix("_INBOX_"+vendorName), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	must(t, err)
	t.Cleanup(i.connection.Close)
	if spoil.once != nil {
		spoil.once(i)
	}
	i.relay()
	_, err = i.connection.QueueSubscribe("vendor."+vendorName+".>", vendorName, i.serve)
	must(t, err)
	return i
}

// relay tells the good agent's events as its own.
func (i *imposter) relay() {
	stop, err := i.backend.peers[proto.RoleClient].Listen(i.t.Context(), "evt."+vendorName+".>", func(_ proto.Message, event proto.Event) {
		if i.spoil.silent {
			return
		}
		message := proto.Message{Performative: proto.Inform}
		if proto.Encode(&message, event) == nil {
			_, _ = i.connection.RequestMsg(i.event(event, i.seal(message)), time.Second) // no event, no pass
		}
	})
	must(i.t, err)
	i.t.Cleanup(stop)
}

func (i *imposter) event(event proto.Event, message *nats.Msg) *nats.Msg {
	message.Subject = proto.SubjectEvent(vendorName, event.Kind)
	message.Header.Set(nats.MsgIdHdr, event.ID)
	return message
}

func (i *imposter) seal(message proto.Message) *nats.Msg {
	message.Sender, message.ID, message.Expires = proto.Vendor(vendorName), proto.FreshID(), time.Now().Add(time.Minute)
	headers, err := message.Seal(i.key)
	if err != nil {
		return &nats.Msg{Header: nats.Header{}}
	}
	return &nats.Msg{Header: headers, Data: message.Body}
}

// serve answers one message after another.
func (i *imposter) serve(raw *nats.Msg) {
	i.count++
	message, err := i.verifier.Verify(raw.Header, raw.Data)
	if i.spoil.credulous {
		message, err = proto.Open(raw.Header, raw.Data)
	}
	peer := i.backend.peers[message.Sender.Role]
	if err != nil || peer == nil {
		return
	}
	forward := func(message proto.Message) proto.Message {
		message.Receiver = proto.Vendor(vendorName)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		answer, err := peer.Ask(ctx, raw.Subject, message)
		if err != nil {
			return proto.Message{}
		}
		return answer
	}
	answer := forward
	if i.spoil.message != nil {
		answer = func(message proto.Message) proto.Message { return i.spoil.message(i, message, forward) }
	}
	reply := answer(message)
	if reply.Performative == "" {
		return
	}
	reply.Receiver = message.Sender
	_ = raw.RespondMsg(i.seal(reply)) // no answer, no pass
}
