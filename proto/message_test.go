package proto_test

import (
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/cloud-agency/agency/proto"
)

// noon is when it always is in these tests.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// party is some agents with their keys and the account that registered them.
type party struct {
	account  nkeys.KeyPair
	keys     map[string]nkeys.KeyPair
	register proto.Register
}

func newParty(t testing.TB, agents ...string) *party {
	t.Helper()
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	p := &party{account, map[string]nkeys.KeyPair{}, proto.Register{Version: 1, Agency: "a1", Entries: map[string]proto.Entry{}}}
	for _, agent := range agents {
		p.rekey(t, agent)
	}
	return p
}

// rekey gives an agent a new key.
func (p *party) rekey(t testing.TB, agent string) {
	t.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	entry := proto.Entry{Key: public(t, key), Since: noon}
	if former, had := p.register.Entries[agent]; had {
		entry.Former = append(slices.Clone(former.Former), former.Key)
	}
	p.keys[agent], p.register.Entries[agent] = key, entry
}

func public(t testing.TB, key nkeys.KeyPair) string {
	t.Helper()
	text, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (p *party) signed(t testing.TB) proto.SignedRegister {
	t.Helper()
	signed, err := p.register.Sign(p.account)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// verifier is that of one agent, at a time that can be moved.
func (p *party) verifier(t testing.TB, self proto.Identity, now *time.Time) *proto.Verifier {
	t.Helper()
	clock := func() time.Time { return noon }
	if now != nil {
		clock = func() time.Time { return *now }
	}
	verifier, err := proto.NewVerifier(self, public(t, p.account), p.signed(t), clock)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// full is a message with every header.
func full() proto.Message {
	message := proto.Message{
		Performative: proto.AcceptProposal, Protocol: proto.ContractNet, Conversation: "call-1", ReplyWith: "ask-1",
		InReplyTo: "proposal-1", ReplyBy: noon.Add(5 * time.Second), Sender: proto.Agent(proto.RoleBroker),
		Receiver: proto.Vendor("ptc-athens"), Round: 2, Sequence: 7,
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", ID: "Zm9vYmFyYmF6cXV4cXV1eA",
		Command: "command-1", Expires: noon.Add(30 * time.Second),
	}
	if err := proto.Encode(&message, proto.Cancellation{Proposal: "p1", Reason: "no longer wanted"}); err != nil {
		panic(err)
	}
	return message
}

func (p *party) seal(t testing.TB, message proto.Message) map[string][]string {
	t.Helper()
	headers, err := message.Seal(p.keys[message.Sender.String()])
	if err != nil {
		t.Fatal(err)
	}
	return headers
}

func TestVerifiedMessageIsWhatWasSealed(t *testing.T) {
	p := newParty(t, "broker", "vendor.ptc-athens")
	want := full()
	got, err := p.verifier(t, want.Receiver, nil).Verify(p.seal(t, want), want.Body)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Body) != string(want.Body) {
		t.Errorf("body %q, want %q", got.Body, want.Body)
	}
	got.Body, want.Body = nil, nil
	if !equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func equal(one, other proto.Message) bool {
	one.Body, other.Body = nil, nil
	return formatted(one) == formatted(other)
}

func formatted(m proto.Message) string {
	return strings.Join([]string{
		string(m.Performative), string(m.Protocol), m.Conversation, m.ReplyWith, m.InReplyTo, m.ReplyBy.String(),
		m.Sender.String(), m.Receiver.String(), m.ContentType, string(rune(m.Round)), string(rune(m.Sequence)),
		m.Traceparent, m.ID, m.Command, m.Expires.String(),
	}, "|")
}

func TestEveryHeaderAndTheBodyAreUnderTheSignature(t *testing.T) {
	p := newParty(t, "broker", "deployer", "vendor.ptc-athens", "vendor.ptc-oslo")
	message := full()
	headers := p.seal(t, message)
	others := map[string]string{ // valid values, so that only the signature can tell
		proto.HeaderPerformative: string(proto.Cancel), proto.HeaderProtocol: string(proto.RequestProtocol),
		proto.HeaderConversation: "call-2", proto.HeaderReplyWith: "ask-2", proto.HeaderInReplyTo: "proposal-2",
		proto.HeaderReplyBy: "2026-11-21T12:00:09Z", proto.HeaderSender: "deployer", proto.HeaderReceiver: "vendor",
		proto.HeaderContentType: proto.ContentType("acceptance", 1), proto.HeaderRound: "3", proto.HeaderSequence: "8",
		proto.HeaderTraceparent: "00-1", proto.HeaderMessage: "Zm9vYmFyYmF6cXV4cXV1eB", proto.HeaderCommand: "command-2",
		proto.HeaderExpires: "2026-11-21T12:01:00Z",
	}
	for name := range headers {
		if name == proto.HeaderSignature {
			continue
		}
		if others[name] == "" {
			t.Fatalf("no other value for %s: a header that this test does not know", name)
		}
		t.Run(name, func(t *testing.T) {
			altered := maps.Clone(headers)
			altered[name] = []string{others[name]}
			_, err := p.verifier(t, message.Receiver, nil).Verify(altered, message.Body)
			if !errors.Is(err, proto.ErrSignature) {
				t.Errorf("altered: got %v, want ErrSignature", err)
			}
			delete(altered, name)
			_, err = p.verifier(t, message.Receiver, nil).Verify(altered, message.Body)
			if !errors.Is(err, proto.ErrSignature) && !errors.Is(err, proto.ErrMalformed) {
				t.Errorf("left out: got %v, want ErrSignature or ErrMalformed", err)
			}
		})
	}
	t.Run("body", func(t *testing.T) {
		_, err := p.verifier(t, message.Receiver, nil).Verify(headers, append(slices.Clone(message.Body), ' '))
		if !errors.Is(err, proto.ErrSignature) {
			t.Errorf("got %v, want ErrSignature", err)
		}
	})
}

func TestWhatVerifyRefuses(t *testing.T) {
	p := newParty(t, "broker", "vendor.ptc-athens", "vendor.ptc-oslo", "client.ada")
	stranger := newParty(t, "broker", "deployer")
	p.register.Entries["client.ada"] = proto.Entry{Key: p.register.Entries["client.ada"].Key, Revoked: noon}
	tests := []struct {
		name string
		edit func(*proto.Message)
		// key signs; by default the sender's.
		key  nkeys.KeyPair
		want error
	}{
		{"of an unknown sender", func(m *proto.Message) { m.Sender = proto.Agent(proto.RoleDeployer) },
			stranger.keys["deployer"], proto.ErrUnknownSender},
		{"of a revoked sender", func(m *proto.Message) {
			m.Sender = proto.Identity{Role: proto.RoleClient, Name: "ada"}
		}, p.keys["client.ada"], proto.ErrUnknownSender},
		{"signed by another", func(*proto.Message) {}, p.keys["vendor.ptc-oslo"], proto.ErrSignature},
		{"to another vendor", func(m *proto.Message) { m.Receiver = proto.Vendor("ptc-oslo") }, nil, proto.ErrNotForMe},
		{"to another role", func(m *proto.Message) { m.Receiver = proto.Agent(proto.RoleMonitor) }, nil, proto.ErrNotForMe},
		{"to nobody", func(m *proto.Message) { m.Receiver = proto.Identity{} }, nil, proto.ErrNotForMe},
		{"expired", func(m *proto.Message) { m.Expires = noon.Add(-6 * time.Second) }, nil, proto.ErrExpired},
		{"good for too long", func(m *proto.Message) { m.Expires = noon.Add(time.Hour) }, nil, proto.ErrLifetime},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			message := full()
			test.edit(&message)
			key := test.key
			if key == nil {
				key = p.keys["broker"]
			}
			headers, err := message.Seal(key)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.verifier(t, proto.Vendor("ptc-athens"), nil).Verify(headers, message.Body)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	t.Run("unsigned", func(t *testing.T) {
		headers := p.seal(t, full())
		delete(headers, proto.HeaderSignature)
		_, err := p.verifier(t, proto.Vendor("ptc-athens"), nil).Verify(headers, full().Body)
		if !errors.Is(err, proto.ErrUnsigned) {
			t.Errorf("got %v, want ErrUnsigned", err)
		}
	})
}

func TestClocksMayDifferALittle(t *testing.T) {
	p := newParty(t, "broker", "vendor.ptc-athens")
	message := full()
	headers := p.seal(t, message)
	for after, want := range map[time.Duration]error{
		30 * time.Second: nil, 30*time.Second + proto.ClockSkew: nil, 30*time.Second + proto.ClockSkew + 1: proto.ErrExpired,
	} {
		now := noon.Add(after)
		if _, err := p.verifier(t, message.Receiver, &now).Verify(headers, message.Body); !errors.Is(err, want) {
			t.Errorf("after %s: got %v, want %v", after, err, want)
		}
	}
}

func TestAMessageIsTakenOnceUntilItHasExpired(t *testing.T) {
	p := newParty(t, "broker", "vendor.ptc-athens")
	message := full()
	headers := p.seal(t, message)
	now := noon
	verifier := p.verifier(t, message.Receiver, &now)
	if _, err := verifier.Verify(headers, message.Body); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		_, err := verifier.Verify(headers, message.Body)
		want := proto.ErrReplayed
		if now.After(message.Expires.Add(proto.ClockSkew)) {
			want = proto.ErrExpired
		}
		if !errors.Is(err, want) {
			t.Fatalf("%s later: got %v, want %v", now.Sub(noon), err, want)
		}
		now = now.Add(time.Second)
		fresh := full() // others come meanwhile, so that the guard has reason to forget
		fresh.ID, fresh.Expires = proto.FreshID(), now.Add(30*time.Second)
		if _, err := verifier.Verify(p.seal(t, fresh), fresh.Body); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStoredMessagesMayBeReadLaterAndAgain(t *testing.T) {
	p := newParty(t, "broker")
	message := full()
	message.Receiver = proto.Identity{}
	headers := p.seal(t, message)
	p.rekey(t, "broker")
	later := noon.Add(24 * time.Hour)
	verifier := p.verifier(t, proto.Agent(proto.RoleMonitor), &later)
	for range 2 {
		if _, err := verifier.VerifyStored(headers, message.Body); err != nil {
			t.Fatalf("signed with a former key: %v", err)
		}
	}
	if _, err := verifier.VerifyPublished(headers, message.Body, proto.NewReplayGuard()); !errors.Is(err, proto.ErrSignature) {
		t.Errorf("published with a former key: got %v, want ErrSignature", err)
	}
	message.Receiver = proto.Agent(proto.RoleMonitor)
	if _, err := verifier.VerifyStored(p.seal(t, message), message.Body); !errors.Is(err, proto.ErrNotForMe) {
		t.Errorf("one to somebody: got %v, want ErrNotForMe", err)
	}
}

func TestSealRefusesWhatNoHeaderHolds(t *testing.T) {
	p := newParty(t, "broker")
	for name, edit := range map[string]func(*proto.Message){
		"line feed":     func(m *proto.Message) { m.Conversation = "a\nSender: vendor.x" },
		"tab":           func(m *proto.Message) { m.Command = "a\tb" },
		"not ASCII":     func(m *proto.Message) { m.ReplyWith = "ü" },
		"space at end":  func(m *proto.Message) { m.Command = "a " },
		"too long":      func(m *proto.Message) { m.Traceparent = strings.Repeat("a", 513) },
		"short id":      func(m *proto.Message) { m.ID = "abc" },
		"no id":         func(m *proto.Message) { m.ID = "" },
		"no sender":     func(m *proto.Message) { m.Sender = proto.Identity{} },
		"no expiry":     func(m *proto.Message) { m.Expires = time.Time{} },
		"performative":  func(m *proto.Message) { m.Performative = "shout" },
		"protocol":      func(m *proto.Message) { m.Protocol = "mine" },
		"too much body": func(m *proto.Message) { m.Body = make([]byte, proto.MaxBody+1) },
	} {
		message := full()
		edit(&message)
		if _, err := message.Seal(p.keys["broker"]); !errors.Is(err, proto.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

func TestOpenRefusesWhatCannotBeRead(t *testing.T) {
	p := newParty(t, "broker")
	for name, edit := range map[string]func(map[string][]string){
		"header twice":    func(h map[string][]string) { h[proto.HeaderSender] = []string{"broker", "broker"} },
		"bad number":      func(h map[string][]string) { h[proto.HeaderRound] = []string{"-1"} },
		"bad sequence":    func(h map[string][]string) { h[proto.HeaderSequence] = []string{"1e3"} },
		"bad time":        func(h map[string][]string) { h[proto.HeaderExpires] = []string{"noon"} },
		"bad sender":      func(h map[string][]string) { h[proto.HeaderSender] = []string{"vendor"} },
		"bad receiver":    func(h map[string][]string) { h[proto.HeaderReceiver] = []string{"everybody"} },
		"no performative": func(h map[string][]string) { delete(h, proto.HeaderPerformative) },
	} {
		headers := p.seal(t, full())
		edit(headers)
		if _, err := proto.Open(headers, nil); !errors.Is(err, proto.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
	for name, signature := range map[string][]string{
		"signature twice": {"a", "b"}, "short signature": {"YWJj"}, "signature in other alphabet": {strings.Repeat("+", 86)},
		"signature with spare bits": {strings.Repeat("_", 86)},
	} {
		headers := p.seal(t, full())
		headers[proto.HeaderSignature] = signature
		_, err := p.verifier(t, proto.Vendor("ptc-athens"), nil).Verify(headers, full().Body)
		if !errors.Is(err, proto.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

func TestFreshIDsAreLongAndDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		id := proto.FreshID()
		bits, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil || len(bits) != 16 || seen[id] {
			t.Fatalf("id %q: %v", id, err)
		}
		seen[id] = true
	}
}

func TestIdentitiesAreReadAsTheyAreWritten(t *testing.T) {
	for _, text := range []string{"broker", "deployer", "monitor", "vendor.ptc-athens", "client.ada"} {
		identity, err := proto.ParseIdentity(text)
		if err != nil || identity.String() != text {
			t.Errorf("%q became %q, %v", text, identity, err)
		}
	}
	for _, text := range []string{
		"", "vendor", "vendor.", "vendor.Athens", "vendor.a.b", "vendor.broker", "broker.one", "client.*", "vendor.-a",
		"vendor.a-", "king.arthur", "vendor." + strings.Repeat("a", 41),
	} {
		if identity, err := proto.ParseIdentity(text); err == nil {
			t.Errorf("%q was taken for %q", text, identity)
		}
	}
}
