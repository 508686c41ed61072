package bus_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

// An agency of a vendor and a client: the client asks the vendor who it is.
func Example() {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	directory, err := os.MkdirTemp("", "agency-")
	must(err)
	defer os.RemoveAll(directory)
	authority, err := bus.OpenAuthority(filepath.Join(directory, "authority"))
	must(err)
	_, err = authority.Enrol(proto.Vendor("ptc-athens"))
	must(err)
	ada, err := authority.Enrol(proto.Identity{Role: proto.RoleClient, Name: "ada"})
	must(err)
	athens, err := authority.Enrol(proto.Vendor("ptc-athens")) // enrolling again replaces the keys
	must(err)
	ada.Register = athens.Register // the newest; an agent that has an older one hears of it on the bus

	server, err := bus.StartServer(ctx, bus.ServerOptions{Authority: authority, Directory: filepath.Join(directory, "streams")})
	must(err)
	defer server.Close()

	vendor, err := bus.Connect(ctx, bus.Options{Server: server, Credentials: athens})
	must(err)
	defer vendor.Close()
	service, err := vendor.Serve(ctx, bus.Endpoint{
		Name: "query", Subject: proto.SubjectQuery("ptc-athens"),
		Accepts: map[proto.Performative][]proto.Role{proto.QueryRef: {proto.RoleClient}},
		Handle: func(_ context.Context, message proto.Message) proto.Message {
			return proto.Answer(message, proto.Inform, proto.VendorStatus{Name: "ptc-athens"})
		},
	})
	must(err)
	defer service.Close()

	client, err := bus.Connect(ctx, bus.Options{URL: server.URL(), Credentials: ada})
	must(err)
	defer client.Close()
	question := proto.Message{Performative: proto.QueryRef, Protocol: proto.QueryProtocol}
	must(proto.Encode(&question, proto.Question{Topic: proto.TopicVendor}))
	answer, err := client.Ask(ctx, proto.SubjectQuery("ptc-athens"), question)
	must(err)
	status, err := proto.Decode[proto.VendorStatus](answer)
	must(err)
	fmt.Println(answer.Sender, "says that it is", status.Name)
	// Output: vendor.ptc-athens says that it is ptc-athens
}
