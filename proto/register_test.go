package proto_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/proto"
)

func TestNewerRegisterReplacesOlder(t *testing.T) {
	p := newParty(t, "broker", "vendor.ptc-athens")
	message := full()
	verifier := p.verifier(t, message.Receiver, nil)
	first := p.signed(t)

	p.register.Version = 2
	p.rekey(t, "broker")
	second := p.signed(t)
	if _, err := verifier.Verify(p.seal(t, message), message.Body); !errors.Is(err, proto.ErrSignature) {
		t.Fatalf("new key, old register: got %v, want ErrSignature", err)
	}
	if updated, err := verifier.Update(second); !updated || err != nil {
		t.Fatalf("newer: %v, %v", updated, err)
	}
	if _, err := verifier.Verify(p.seal(t, message), message.Body); err != nil {
		t.Fatalf("new key, new register: %v", err)
	}
	if updated, err := verifier.Update(second); updated || err != nil {
		t.Errorf("same: %v, %v, want no change", updated, err)
	}
	if _, err := verifier.Update(first); !errors.Is(err, proto.ErrOldRegister) {
		t.Errorf("older: got %v, want ErrOldRegister", err)
	}
	if verifier.Register().Version != 2 || verifier.SignedRegister() != second {
		t.Errorf("the newer register is not the one in use")
	}
}

func TestRegisterCountsOnlyAsTheAccountSignedIt(t *testing.T) {
	p, stranger := newParty(t, "broker"), newParty(t, "broker")
	verifier := p.verifier(t, proto.Agent(proto.RoleBroker), nil)
	p.register.Version = 9
	signed := p.signed(t)
	payload, signature, _ := strings.Cut(signed.Text, ".")
	stranger.register.Version = 9
	for name, test := range map[string]struct {
		text string
		want error
	}{
		"another account's":    {stranger.signed(t).Text, proto.ErrSignature},
		"another's payload":    {strings.Split(stranger.signed(t).Text, ".")[0] + "." + signature, proto.ErrSignature},
		"a payload cut short":  {payload[:len(payload)-4] + "." + signature, proto.ErrSignature},
		"no signature":         {payload, proto.ErrMalformed},
		"signature cut short":  {signed.Text[:len(signed.Text)-4], proto.ErrMalformed},
		"nothing":              {"", proto.ErrMalformed},
		"something in between": {payload + ".." + signature, proto.ErrMalformed},
	} {
		if _, err := verifier.Update(proto.SignedRegister{Text: test.text}); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
	if verifier.Register().Version != 1 {
		t.Error("a register that was refused is in use")
	}
}

func TestRegisterWithBadEntriesIsRefused(t *testing.T) {
	p := newParty(t, "broker")
	verifier := p.verifier(t, proto.Agent(proto.RoleBroker), nil)
	for name, entry := range map[string]proto.Entry{
		"king.arthur": p.register.Entries["broker"],
		"vendor.one":  {Key: public(t, p.account)}, // an account's, not a user's
		"vendor.two":  {Key: "UABC"},
	} {
		p.register.Version++
		p.register.Entries[name] = entry
		if _, err := verifier.Update(p.signed(t)); !errors.Is(err, proto.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
		delete(p.register.Entries, name)
	}
}

func TestRegisterListsVendorsThatMayAct(t *testing.T) {
	p := newParty(t, "broker", "vendor.one", "vendor.two", "client.ada")
	p.register.Entries["vendor.two"] = proto.Entry{Key: p.register.Entries["vendor.two"].Key, Revoked: noon}
	if names := p.register.Vendors(); len(names) != 1 || names[0] != "one" {
		t.Errorf("got %v, want [one]", names)
	}
	if _, may := p.register.Entry(proto.Vendor("two")); may {
		t.Error("a revoked vendor may act")
	}
}
