package bus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

// answerOf makes answers of some two kilobytes, like proposals.
func answerOf(message proto.Message) proto.Message {
	answer := message.Reply(proto.Propose)
	answer.Body = make([]byte, 2048)
	return answer
}

// BenchmarkAskFloor is request and answer with nothing signed, on the same server and connections of the same kind.
func BenchmarkAskFloor(b *testing.B) {
	a := startAgency(b, "broker", "vendor.one")
	floor := func(agent string) *nats.Conn {
		credentials := a.credentials[agent]
		connection, err := nats.Connect("", nats.InProcessServer(a.server), nats.UserJWTAndSeed(credentials.JWT, credentials.Seed.Reveal()),
			nats.CustomInboxPrefix("_INBOX_"+credentials.Identity.Name))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(connection.Close)
		return connection
	}
	vendor, broker := floor("vendor.one"), floor("broker")
	body := make([]byte, 2048)
	_, err := vendor.QueueSubscribe("vendor.one.cfp", "one", func(message *nats.Msg) {
		if err := message.Respond(body); err != nil {
			b.Error(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := vendor.Flush(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := broker.Request("vendor.one.cfp", body, 10*time.Second); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAsk(b *testing.B) {
	a := startAgency(b, "broker", "vendor.one")
	broker := a.connect(b, "broker")
	serve(b, a.connect(b, "vendor.one"), "vendor.one.cfp", calls, func(_ context.Context, m proto.Message) proto.Message { return answerOf(m) })
	message := proto.Message{Performative: proto.CallForProposal, Body: make([]byte, 2048)}
	for b.Loop() {
		if _, err := broker.Ask(b.Context(), "vendor.one.cfp", message); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGather calls vendors, each with a connection of its own, with one of them dead or none.
func BenchmarkGather(b *testing.B) {
	for _, count := range []int{10, 100, 1000} {
		names := make([]string, count+1)
		agents := []string{"broker"}
		for i := range names {
			names[i] = fmt.Sprintf("v%d", i)
			agents = append(agents, "vendor."+names[i])
		}
		a := startAgency(b, agents...)
		broker := a.connect(b, "broker")
		subjects := make([]string, len(names))
		for i, name := range names {
			subjects[i] = proto.SubjectCall(name)
			if i == count {
				continue // is dead
			}
			service, err := a.connect(b, "vendor."+name).Serve(b.Context(), bus.Endpoint{
				Name: "cfp", Subject: subjects[i], Accepts: calls, Workers: 1,
				Handle: func(_ context.Context, m proto.Message) proto.Message { return answerOf(m) },
			})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { service.Close() })
		}
		runtime.GC()
		gather := func(b *testing.B, subjects []string, dead int) {
			message := proto.Message{Performative: proto.CallForProposal, Body: make([]byte, 2048)}
			for b.Loop() {
				absent := 0
				for reply := range broker.Gather(b.Context(), message, subjects, 250*time.Millisecond) {
					if errors.Is(reply.Err, bus.ErrAbsent) {
						absent++
					} else if reply.Err != nil {
						b.Fatal(reply.Err)
					}
				}
				if absent != dead {
					b.Fatalf("%d absent, want %d", absent, dead)
				}
			}
		}
		b.Run(fmt.Sprintf("%d/all-alive", count), func(b *testing.B) { gather(b, subjects[:count], 0) })
		b.Run(fmt.Sprintf("%d/and-one-dead", count), func(b *testing.B) { gather(b, subjects, 1) })
	}
}

func BenchmarkPublish(b *testing.B) {
	a := startAgency(b, "vendor.one")
	one := a.connect(b, "vendor.one")
	for b.Loop() {
		if err := one.Publish(b.Context(), proto.Event{Kind: proto.EventResourceChanged, Message: "web-1 runs"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStart(b *testing.B) {
	a := startAgency(b, "broker", "deployer", "monitor", "vendor.one", "vendor.two", "vendor.three")
	for b.Loop() {
		a.server.Close()
		a.start(b, 0)
	}
}
