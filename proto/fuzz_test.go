package proto_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/proto"
)

// FuzzOpen gives headers as lines "Name: value" and a body. What can be opened can be sealed and opened again.
func FuzzOpen(f *testing.F) {
	p := newParty(f, "broker")
	message := full()
	var lines strings.Builder
	for name, values := range p.seal(f, message) {
		lines.WriteString(name + ": " + values[0] + "\n")
	}
	f.Add(lines.String(), message.Body)
	f.Add("Sender: broker\nSender: broker\n", []byte("{}"))
	f.Add("Round: 99999999999999999999\nExpires: never\n", []byte(nil))
	verifier := p.verifier(f, proto.Vendor("ptc-athens"), nil)
	f.Fuzz(func(t *testing.T, lines string, body []byte) {
		headers := make(map[string][]string)
		for line := range strings.Lines(lines) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			headers[name] = append(headers[name], value)
		}
		if _, err := verifier.Verify(headers, body); err == nil && headers[proto.HeaderSignature] == nil {
			t.Fatal("took a message without a signature")
		}
		opened, err := proto.Open(headers, body)
		if err != nil {
			if !errors.Is(err, proto.ErrMalformed) {
				t.Fatalf("got %v, want ErrMalformed", err)
			}
			return
		}
		again, err := opened.Seal(p.keys["broker"])
		if err != nil {
			t.Fatalf("opened and cannot be sealed: %v", err)
		}
		if reopened, err := proto.Open(again, body); err != nil || !equal(reopened, opened) {
			t.Fatalf("opened   %+v\nreopened %+v, %v", opened, reopened, err)
		}
	})
}

// FuzzDecode reads a body as every kind.
func FuzzDecode(f *testing.F) {
	kinds := fixtures()
	for i, fixture := range kinds {
		body, err := os.ReadFile(golden("v1", fixture.kind))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), body)
	}
	f.Add(uint8(0), []byte(`{"a":{"a":[{"a":"\"","a":1}]}}`))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		fixture := kinds[int(which)%len(kinds)]
		err := fixture.try(proto.Message{ContentType: proto.ContentType(fixture.kind, 1), Body: body})
		if err != nil && !errors.Is(err, proto.ErrContent) {
			t.Fatalf("%s: got %v, want ErrContent", fixture.kind, err)
		}
	})
}

func FuzzParseIdentity(f *testing.F) {
	for _, text := range []string{"broker", "vendor.ptc-athens", "client.ada", "vendor.", ".", "vendor.a.b", "monitor."} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		identity, err := proto.ParseIdentity(text)
		if err != nil {
			return
		}
		if again, err := proto.ParseIdentity(identity.String()); err != nil || again != identity {
			t.Fatalf("%q became %+v, then %+v, %v", text, identity, again, err)
		}
		if strings.ContainsAny(identity.Name, "*> .\n") {
			t.Fatalf("%q became the name %q, which is no token of a subject", text, identity.Name)
		}
	})
}

func FuzzParseContentType(f *testing.F) {
	f.Add(proto.ContentType("event", 1))
	f.Add("application/vnd.cloud-agency.+json;version=1")
	f.Add("application/vnd.cloud-agency.a+json;version=\"1\";version=2")
	f.Fuzz(func(t *testing.T, text string) {
		kind, _, err := proto.ParseContentType(text)
		if err != nil && !errors.Is(err, proto.ErrContent) {
			t.Fatalf("got %v, want ErrContent", err)
		}
		if err == nil && kind == "" {
			t.Fatal("no kind and no error")
		}
	})
}

func FuzzRegister(f *testing.F) {
	p := newParty(f, "broker", "vendor.ptc-athens")
	account := public(f, p.account)
	good := p.signed(f).Text
	f.Add(good)
	f.Add(good + "=")
	f.Add(".")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := (proto.SignedRegister{Text: text}).Open(account); err == nil && text != good {
			t.Fatalf("took a register that the account did not sign: %q", text)
		}
	})
}
