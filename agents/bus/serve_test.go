package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

func TestAPanickingHandlerIsAFailure(t *testing.T) {
	a := startAgency(t, "client.ada", "vendor.one")
	serve(t, a.connect(t, "vendor.one"), proto.SubjectQuery("one"), queries, func(context.Context, proto.Message) proto.Message {
		panic("the secret is 1234")
	})
	ada := a.connect(t, "client.ada")
	for range 3 { // the worker survives
		answer, err := ada.Ask(t.Context(), proto.SubjectQuery("one"), question(t, proto.TopicVendor))
		if err != nil {
			t.Fatal(err)
		}
		refusal, is := proto.AsRefusal(answer)
		if answer.Performative != proto.Failure || !is || refusal.Code != sla.RefusedInternal || strings.Contains(refusal.Message, "1234") {
			t.Errorf("got %s %+v", answer.Performative, refusal)
		}
	}
}

func TestAnAnswerThatCannotBeSentIsAFailure(t *testing.T) {
	a := startAgency(t, "client.ada", "vendor.one")
	serve(t, a.connect(t, "vendor.one"), proto.SubjectQuery("one"), queries, func(_ context.Context, message proto.Message) proto.Message {
		answer := message.Reply(proto.Inform)
		answer.Body = make([]byte, proto.MaxBody+1)
		return answer
	})
	answer, err := a.connect(t, "client.ada").Ask(t.Context(), proto.SubjectQuery("one"), question(t, proto.TopicVendor))
	if err != nil || answer.Performative != proto.Failure {
		t.Errorf("got %s, %v", answer.Performative, err)
	}
}

func TestTheLargestBodyArrives(t *testing.T) {
	a := startAgency(t, "client.ada", "vendor.one")
	serve(t, a.connect(t, "vendor.one"), proto.SubjectQuery("one"), queries, func(_ context.Context, message proto.Message) proto.Message {
		answer := message.Reply(proto.Inform)
		answer.Body = message.Body
		return answer
	})
	message := question(t, proto.TopicVendor)
	message.Body = make([]byte, proto.MaxBody)
	answer, err := a.connect(t, "client.ada").Ask(t.Context(), proto.SubjectQuery("one"), message)
	if err != nil || len(answer.Body) != proto.MaxBody {
		t.Errorf("got %d bytes, %v", len(answer.Body), err)
	}
}

func TestTooManyRequestsAreRefusedAsUnavailable(t *testing.T) {
	a := startAgency(t, "client.ada", "vendor.one")
	hold := make(chan struct{})
	service, err := a.connect(t, "vendor.one").Serve(t.Context(), bus.Endpoint{
		Name: "query", Subject: proto.SubjectQuery("one"), Accepts: queries, Workers: 1,
		Handle: func(ctx context.Context, message proto.Message) proto.Message {
			<-hold
			return message.Reply(proto.Inform)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ada := a.connect(t, "client.ada")
	const count = 100 // one is handled, 64 wait
	var asking sync.WaitGroup
	refused := make(chan struct{}, count)
	var informed, failed sync.Map
	for i := range count {
		asking.Go(func() {
			answer, err := ada.Ask(t.Context(), proto.SubjectQuery("one"), question(t, proto.TopicVendor))
			refusal, is := proto.AsRefusal(answer)
			switch {
			case err != nil:
				failed.Store(i, err)
			case is && refusal.Code == sla.RefusedUnavailable:
				refused <- struct{}{}
			case !is:
				informed.Store(i, true)
			}
		})
	}
	for range count - 65 {
		<-refused
	}
	close(hold)
	asking.Wait()
	failed.Range(func(_, err any) bool { t.Error(err); return true })
	taken := 0
	informed.Range(func(any, any) bool { taken++; return true })
	if taken+len(refused) != 65 {
		t.Errorf("%d taken and %d more refused, want 65", taken, len(refused))
	}
	if err := errors.Join(service.Close(), service.Close()); err != nil {
		t.Error(err)
	}
}

func TestClosingAServiceWaitsForItsHandlers(t *testing.T) {
	a := startAgency(t, "client.ada", "vendor.one")
	began, end, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	service := serve(t, a.connect(t, "vendor.one"), proto.SubjectQuery("one"), queries,
		func(_ context.Context, message proto.Message) proto.Message {
			close(began)
			<-end
			return message.Reply(proto.Inform)
		})
	ada := a.connect(t, "client.ada")
	go func() {
		defer close(done)
		if _, err := ada.Ask(t.Context(), proto.SubjectQuery("one"), question(t, proto.TopicVendor)); err != nil {
			t.Errorf("taken before the close: %v", err)
		}
	}()
	<-began
	closed := make(chan error)
	go func() { closed <- service.Close() }()
	select {
	case <-closed:
		t.Error("closed while a handler runs")
	case end <- struct{}{}:
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	<-done
	if _, err := ada.Ask(t.Context(), proto.SubjectQuery("one"), question(t, proto.TopicVendor)); !errors.Is(err, bus.ErrAbsent) {
		t.Errorf("after the close: got %v, want ErrAbsent", err)
	}
}

func TestReplicasShareRequests(t *testing.T) {
	a := startAgency(t, "client.ada", "vendor.one")
	counts := make(chan int, 100)
	for replica := range 2 {
		serve(t, a.connect(t, "vendor.one"), proto.SubjectQuery("one"), queries, func(ctx context.Context, message proto.Message) proto.Message {
			counts <- replica
			return status("one")(ctx, message)
		})
	}
	ada := a.connect(t, "client.ada")
	for range 50 {
		if _, err := ada.Ask(t.Context(), proto.SubjectQuery("one"), question(t, proto.TopicVendor)); err != nil {
			t.Fatal(err)
		}
	}
	if len(counts) != 50 {
		t.Errorf("50 requests were handled %d times", len(counts))
	}
}

func TestAgentsAreFoundAsNATSServices(t *testing.T) {
	a := startAgency(t, "client.ada", "broker", "vendor.one")
	serve(t, a.connect(t, "vendor.one"), proto.SubjectQuery("one"), queries, status("one"))
	serve(t, a.connect(t, "broker"), proto.SubjectBrokerQuery, queries, status("broker"))
	ada := a.raw(t, "client.ada")
	for subject, want := range map[string]string{
		"$SRV.INFO.vendor-one": "vendor.one.query", "$SRV.INFO.broker": "broker.query",
	} {
		answer, err := ada.Request(subject, nil, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var information micro.Info
		if err := json.Unmarshal(answer.Data, &information); err != nil {
			t.Fatal(err)
		}
		if len(information.Endpoints) != 1 || information.Endpoints[0].Subject != want {
			t.Errorf("%s: %s", subject, answer.Data)
		}
	}
}

func TestRefusedMessagesAreToldAsAnEvent(t *testing.T) {
	a := startAgency(t, "client.ada", "client.bob", "vendor.one")
	serve(t, a.connect(t, "vendor.one"), proto.SubjectQuery("one"), queries, status("one"))
	told := make(chan proto.Event, 10)
	stop, err := a.connect(t, "client.ada").Listen(t.Context(), "evt.one.message.refused",
		func(_ proto.Message, event proto.Event) { told <- event })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	forged := question(t, proto.TopicVendor)
	forged.Sender, forged.Receiver = proto.Identity{Role: proto.RoleClient, Name: "ada"}, proto.Vendor("one")
	bob := a.raw(t, "client.bob")
	if err := bob.PublishMsg(bob.sealed(t, proto.SubjectQuery("one"), forged)); err != nil {
		t.Fatal(err)
	}
	if event := <-told; event.Source != "vendor.one" || !strings.Contains(event.Message, "client.ada") {
		t.Errorf("told %+v", event)
	}
}
