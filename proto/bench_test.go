package proto_test

import (
	"testing"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

func BenchmarkSeal(b *testing.B) {
	p, message := newParty(b, "broker"), full()
	message.Body = make([]byte, 2048)
	for b.Loop() {
		if _, err := message.Seal(p.keys["broker"]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	p, message := newParty(b, "broker"), full()
	message.Receiver, message.Body = proto.Identity{}, make([]byte, 2048)
	headers, verifier := p.seal(b, message), p.verifier(b, proto.Vendor("ptc-athens"), nil)
	for b.Loop() {
		if _, err := verifier.VerifyStored(headers, message.Body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeProposal(b *testing.B) {
	var message proto.Message
	if err := proto.Encode(&message, proposal()); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(message.Body)))
	for b.Loop() {
		if _, err := proto.Decode[sla.Proposal](message); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReplayGuard(b *testing.B) {
	guard, message := proto.NewReplayGuard(), full()
	now := noon
	for b.Loop() {
		message.ID = proto.FreshID()
		now = now.Add(100_000) // 10,000 a second
		message.Expires = now.Add(10e9)
		if err := guard.Admit(message, now); err != nil {
			b.Fatal(err)
		}
	}
}
