package bus_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

func TestAgentsEnrolledLaterAreKnown(t *testing.T) {
	a := startAgency(t, "broker", "client.ada", "vendor.one")
	ada := a.connect(t, "client.ada")
	a.connect(t, "vendor.one")
	a.enrol(t, "vendor.late")
	if err := a.server.Provision(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := a.connect(t, "vendor.late")
	serve(t, late, proto.SubjectQuery("late"), queries, status("late"))
	if _, err := ada.Ask(t.Context(), proto.SubjectQuery("late"), question(t, proto.TopicVendor)); err != nil {
		t.Error(err)
	}
	if _, _, err := a.connect(t, "client.ada").PutObject(t.Context(), "deployer", "x", strings.NewReader("x")); err != nil {
		t.Error(err)
	}
}

// An agent that was away when the register was announced asks the broker when it meets somebody it does not know.
func TestAnUnknownSenderMakesAnAgentAskForTheRegister(t *testing.T) {
	a := startAgency(t, "broker", "client.ada", "vendor.one")
	old, err := a.authority.Register()
	if err != nil {
		t.Fatal(err)
	}
	a.enrol(t, "client.new")
	broker := a.connect(t, "broker") // with the newest register
	serve(t, broker, proto.SubjectBrokerQuery, nil, nil)

	credentials := a.credentials["vendor.one"]
	credentials.Register = old
	one, err := bus.Connect(t.Context(), bus.Options{URL: a.server.URL(), Credentials: credentials})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	serve(t, one, proto.SubjectQuery("one"), queries, status("one"))
	newcomer := a.connect(t, "client.new")
	if _, err := newcomer.Ask(t.Context(), proto.SubjectQuery("one"), question(t, proto.TopicVendor)); err != nil {
		t.Error(err)
	}
	if got, want := one.Register().Version, broker.Register().Version; got != want {
		t.Errorf("register of version %d, want %d", got, want)
	}
}

// An agent in the authority's process does without the broker.
func TestAnAgentBesideTheAuthorityAsksIt(t *testing.T) {
	a := startAgency(t, "vendor.one")
	one := a.connect(t, "vendor.one")
	serve(t, one, proto.SubjectQuery("one"), queries, status("one"))
	a.enrol(t, "client.new")
	newcomer := a.connectWith(t, "client.new", bus.Options{URL: a.server.URL()})
	if _, err := newcomer.Ask(t.Context(), proto.SubjectQuery("one"), question(t, proto.TopicVendor)); err != nil {
		t.Error(err)
	}
}

func TestARegisterThatTheAccountDidNotSignIsNotTaken(t *testing.T) {
	a, stranger := startAgency(t, "broker", "vendor.one"), startAgency(t, "broker", "vendor.one", "vendor.two", "vendor.three")
	one := a.connect(t, "vendor.one")
	before := one.Register().Version
	forged, err := stranger.authority.Register()
	if err != nil {
		t.Fatal(err)
	}
	broker := a.raw(t, "broker")
	if err := broker.Publish(proto.SubjectRegister, []byte(`{"register":"`+forged.Text+`"}`)); err != nil {
		t.Fatal(err)
	}
	broker.flush(t)
	if err := one.UpdateRegister(forged); !errors.Is(err, proto.ErrSignature) {
		t.Errorf("got %v, want ErrSignature", err)
	}
	if after := one.Register().Version; after != before {
		t.Errorf("register of version %d, want %d", after, before)
	}
}

func TestARevokedAgentIsCutOff(t *testing.T) {
	a := startAgency(t, "broker", "client.ada", "vendor.one")
	one := a.connect(t, "vendor.one")
	serve(t, one, proto.SubjectQuery("one"), queries, status("one"))
	ada := a.raw(t, "client.ada")
	closed := make(chan struct{})
	ada.SetClosedHandler(func(*nats.Conn) { close(closed) })
	if err := a.authority.Revoke(proto.Identity{Role: proto.RoleClient, Name: "ada"}); err != nil {
		t.Fatal(err)
	}
	if err := a.authority.Revoke(proto.Identity{Role: proto.RoleClient, Name: "ada"}); !errors.Is(err, bus.ErrNotEnrolled) {
		t.Errorf("revoked twice: got %v, want ErrNotEnrolled", err)
	}
	if err := a.server.Provision(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-closed // the server lets it in no more
	if _, err := bus.Connect(t.Context(), bus.Options{URL: a.server.URL(), Credentials: a.credentials["client.ada"]}); err == nil {
		t.Error("a revoked client connected")
	}
	until(t, func() error { // the announcement is on its way
		if _, may := one.Register().Entry(proto.Identity{Role: proto.RoleClient, Name: "ada"}); may {
			return errors.New("the vendor still trusts the revoked client")
		}
		return nil
	})
}

func TestEnrollingAgainReplacesTheKeys(t *testing.T) {
	a := startAgency(t, "broker", "client.ada", "vendor.one")
	old := a.credentials["vendor.one"]
	a.enrol(t, "vendor.one")
	if err := a.server.Provision(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Connect(t.Context(), bus.Options{URL: a.server.URL(), Credentials: old}); err == nil {
		t.Error("the old credentials still open a connection")
	}
	serve(t, a.connect(t, "vendor.one"), proto.SubjectQuery("one"), queries, status("one"))
	if _, err := a.connect(t, "client.ada").Ask(t.Context(), proto.SubjectQuery("one"), question(t, proto.TopicVendor)); err != nil {
		t.Error(err)
	}
}

func TestCredentialsAreReadAsTheyWereWritten(t *testing.T) {
	a := startAgency(t)
	credentials := a.enrol(t, "vendor.one")
	credentials.URL = "nats://127.0.0.1:4222"
	path := filepath.Join(t.TempDir(), "one.creds")
	if err := credentials.Save(path); err != nil {
		t.Fatal(err)
	}
	read, err := bus.LoadCredentials(path)
	if err != nil || !reflect.DeepEqual(read, credentials) {
		t.Fatalf("read %+v, %v", read, err)
	}
	// Other clients of NATS read the file as well.
	connection, err := nats.Connect(a.server.URL(), nats.UserCredentials(path))
	if err != nil {
		t.Fatal(err)
	}
	connection.Close()

	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.LoadCredentials(path); !errors.Is(err, bus.ErrExposed) {
		t.Errorf("readable by a group: got %v, want ErrExposed", err)
	}
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.LoadCredentials(path); err == nil || errors.Is(err, bus.ErrExposed) {
		t.Errorf("no credentials: got %v", err)
	}
}

func TestAnAuthorityIsFoundAgainAndSharedByProcesses(t *testing.T) {
	directory := t.TempDir()
	first, err := bus.OpenAuthority(directory)
	if err != nil {
		t.Fatal(err)
	}
	second, err := bus.OpenAuthority(directory)
	if err != nil {
		t.Fatal(err)
	}
	if first.Agency() != second.Agency() || first.Account() != second.Account() || first.Agency() == "" {
		t.Fatalf("agency %q and %q", first.Agency(), second.Agency())
	}
	var enrolling sync.WaitGroup
	for i, authority := range []*bus.Authority{first, second} {
		enrolling.Go(func() {
			for j := range 10 {
				if _, err := authority.Enrol(proto.Vendor(string(rune('a'+i)) + "-" + string(rune('a'+j)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	enrolling.Wait()
	signed, err := first.Register()
	if err != nil {
		t.Fatal(err)
	}
	register, err := signed.Open(second.Account())
	if err != nil || len(register.Entries) != 20 || register.Version != 21 {
		t.Errorf("%d entries in version %d, %v", len(register.Entries), register.Version, err)
	}
	if err := os.Chmod(filepath.Join(directory, "account.nk"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.OpenAuthority(directory); !errors.Is(err, bus.ErrExposed) {
		t.Errorf("key readable by all: got %v, want ErrExposed", err)
	}
}

func TestEnsureCredentialsKeepsWhatIsGood(t *testing.T) {
	a := startAgency(t)
	path := filepath.Join(t.TempDir(), "one.creds")
	ensure := func() bus.Credentials {
		credentials, err := a.authority.EnsureCredentials(proto.Vendor("one"), path)
		if err != nil {
			t.Fatal(err)
		}
		return credentials
	}
	first, second := ensure(), ensure()
	if first.Seed.Reveal() != second.Seed.Reveal() {
		t.Error("enrolled again without need")
	}
	if err := a.authority.Revoke(proto.Vendor("one")); err != nil {
		t.Fatal(err)
	}
	if third := ensure(); third.Seed.Reveal() == first.Seed.Reveal() {
		t.Error("kept revoked credentials")
	}
}

func TestSecretsAreSealedToOneAgent(t *testing.T) {
	a := startAgency(t, "vendor.one", "vendor.two")
	one, two := a.connect(t, "vendor.one"), a.connect(t, "vendor.two")
	entry, _ := one.Register().Entry(proto.Vendor("one"))
	if entry.Sealing != one.SealingKey() {
		t.Errorf("the register says %q, the agent %q", entry.Sealing, one.SealingKey())
	}
	sealed, err := bus.SealTo(entry.Sealing, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := one.Unseal(sealed); err != nil || string(plain) != "secret" {
		t.Errorf("unsealed %q, %v", plain, err)
	}
	if _, err := two.Unseal(sealed); err == nil {
		t.Error("another unsealed it")
	}
}

func TestCredentialsHideTheirSecrets(t *testing.T) {
	a := startAgency(t)
	credentials := a.enrol(t, "vendor.one")
	for _, text := range []string{sprint(credentials), sprint(&credentials)} {
		if strings.Contains(text, credentials.Seed.Reveal()) || strings.Contains(text, credentials.Sealing.Reveal()) {
			t.Error("printed credentials show a seed")
		}
	}
}

func sprint(value any) string { return fmt.Sprintf("%v %+v %#v", value, value, value) }
