package bus_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

// A nats-server that somebody else runs, with what ServerConfiguration says in its configuration file.
func TestAnAgencyOnAServerElsewhere(t *testing.T) {
	directory := t.TempDir()
	authority, err := bus.OpenAuthority(filepath.Join(directory, "authority"))
	if err != nil {
		t.Fatal(err)
	}
	a := &agency{authority: authority, credentials: map[string]bus.Credentials{}}
	a.enrol(t, "vendor.one")
	a.enrol(t, "client.ada")
	configuration, err := authority.ServerConfiguration()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, "nats.conf")
	configuration += "host: 127.0.0.1\nport: -1\njetstream { store_dir: \"" + filepath.Join(directory, "streams") + "\", max_file_store: 1TB }\n"
	if err := os.WriteFile(path, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	settings.NoSigs, settings.NoLog = true, true
	elsewhere, err := server.NewServer(settings)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.Start()
	defer elsewhere.WaitForShutdown()
	defer elsewhere.Shutdown()
	url := "nats://" + elsewhere.Addr().(*net.TCPAddr).String()
	for range 2 { // again is harmless
		if err := bus.Provision(t.Context(), url, authority); err != nil {
			t.Fatal(err)
		}
	}
	one, ada := a.connectWith(t, "vendor.one", bus.Options{URL: url}), a.connectWith(t, "client.ada", bus.Options{URL: url})
	serve(t, one, proto.SubjectQuery("one"), queries, status("one"))
	if _, err := ada.Ask(t.Context(), proto.SubjectQuery("one"), question(t, proto.TopicVendor)); err != nil {
		t.Error(err)
	}
	if err := one.Publish(t.Context(), proto.Event{Kind: proto.EventResourceChanged}); err != nil {
		t.Error(err)
	}
}
