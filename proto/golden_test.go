package proto_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fixture is a content that was written once and must be readable for ever.
type fixture struct {
	kind string
	// encode makes a message of the value that the golden file holds.
	encode func() (proto.Message, error)
	// decode reads a message and says whether it holds the value.
	decode func(proto.Message) (same bool, err error)
	// try reads a message, whatever it is.
	try func(proto.Message) error
}

func of[C proto.Content](value C) fixture {
	return fixture{
		kind: proto.Kind[C](),
		encode: func() (message proto.Message, err error) {
			err = proto.Encode(&message, value)
			return message, err
		},
		decode: func(message proto.Message) (bool, error) {
			got, err := proto.Decode[C](message)
			return reflect.DeepEqual(got, value), err
		},
		try: func(message proto.Message) error {
			_, err := proto.Decode[C](message)
			return err
		},
	}
}

// text is what the golden file holds.
func (f fixture) text(t *testing.T) string {
	t.Helper()
	message, err := f.encode()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, message.Body, "", "  "); err != nil {
		t.Fatal(err)
	}
	return text.String() + "\n"
}

// fixtures has one value of every kind, as full as it gets.
func fixtures() []fixture {
	application, now := webshop(), resource()
	description := vendormodules.Description{
		Kind: "ptc", Version: "1", Region: "athens", Country: "GR",
		Types: []descriptors.ResourceType{descriptors.Compute, descriptors.Volume}, Images: []string{"static-web", "kv-store"},
		Credentials: map[descriptors.ResourceType][]vendormodules.CredentialField{
			descriptors.Compute: {{Name: "token", Help: "a token of the account", Secret: true}},
		},
		Public:      map[descriptors.ResourceType][]sla.Public{descriptors.Compute: {sla.PublicAlone, sla.PublicOpen}},
		CreateToken: true, Settle: quantity.Duration(2 * time.Second), Notes: []string{"machines share one kernel"},
	}
	status := proto.VendorStatus{
		Name: "ptc-athens", Present: true, Description: &description,
		Capacity:    vendormodules.Usage{Instances: 20, Cores: 8, Memory: 16 * quantity.GiB, Storage: 100 * quantity.GiB},
		Held:        vendormodules.Usage{Instances: 6, Cores: 6, Memory: 3 * quantity.GiB},
		Used:        vendormodules.Usage{Instances: 1, Cores: 2, Memory: quantity.GiB, Storage: 2 * quantity.GiB},
		Sealing:     "XAVZK6EC5N3AZDHZJ5A3N6OCBZ6QZ5GIBPM2VCL5B2H2DEWFAE3F2NGC",
		Credentials: []services.Scope{{Vendor: "ptc-athens", Class: "db", Agreement: agreementID}},
		Quarantined: 1, Fault: "the account's quota is nearly used up", Clock: noon,
	}
	descriptor := deployment()
	return []fixture{
		of(descriptors.Call(application, callID, 1, noon.Add(5*time.Second))),
		of(deployment()),
		of(proposal()),
		of(refusal()),
		of(agreement()),
		of(proto.Submission{
			Name: "webshop-2", Application: application, Uploads: map[string]string{"web": "web-5f0c6f2d"}, Advisory: true,
		}),
		of(proto.Offers{
			Call: callID, Name: "webshop", State: descriptors.CallOpen, Opened: noon, Elapsed: quantity.Duration(2 * time.Millisecond),
			Called: 3, Proposals: []sla.Proposal{proposal()}, Refusals: map[string]sla.Refusal{"ptc-oslo": refusal()},
			Plans: []sla.Plan{plan()}, Attempts: []proto.Attempt{attempt()}, Application: application,
			Rounds:    rounds(),
			Obstacles: []proto.Obstacle{{Class: "web", Vendor: "ptc-oslo", Reason: "4 cores are free", Hint: "ask for 4 machines"}},
		}),
		of(proto.PlanChoice{Call: callID, Rank: 1, OrNext: true}),
		of(attempt()),
		of(proto.Acceptance{Agreement: agreement()}),
		of(proto.Cancellation{
			Proposal: proposalID, Agreement: agreementID, Name: "webshop", Reason: "ptc-lisbon refused", Abandon: true,
		}),
		of(proto.Counter{Call: callID, Vendor: "ptc-athens", CounterOffer: counterOffer()}),
		of(resourceCommand()),
		of(errandOutcome()),
		of(event()),
		of(question()),
		of(proto.ConsolePage{Text: []byte("listening on 8080\n"), End: 12_306, More: true, Gap: true}),
		of(status),
		of(proto.VendorList{Vendors: []proto.VendorStatus{status, {Name: "ptc-oslo"}}, Next: "ptc-oslo"}),
		of(proto.CallList{Calls: []proto.CallSummary{{
			Call: callID, Name: "webshop", State: descriptors.CallClosed, Opened: noon, Proposals: 3, Deployment: deploymentID,
		}}, Next: callID}),
		of(proto.AgreementList{Agreements: []sla.Agreement{agreement()}, Next: deploymentID + "." + agreementID}),
		of(proto.ResourceList{Resources: []proto.ResourceStatus{now}, Next: ref().Key()}),
		of(proto.FlavorList{
			Flavors: []vendormodules.Flavor{{
				ID: "42", Name: "m1.small", Cores: 1, Memory: 2 * quantity.GiB, Disk: 20 * quantity.GiB, Architecture: "x86_64",
				Price: micros(11_000),
			}},
			Age: quantity.Duration(90 * time.Second), Next: "m1.small 42",
		}),
		of(proto.ImageList{
			Images: []vendormodules.Image{{
				ID: "6f1c", Name: "debian-12-generic-amd64", Architecture: "x86_64", MinDisk: 2 * quantity.GiB,
				MinMemory: 256 * quantity.MiB, Created: noon, Deprecated: true,
			}},
			Age: quantity.Duration(90 * time.Second), Next: "debian-12-generic-amd64 6f1c",
		}),
		of(proto.DeploymentCommand{
			Verb: proto.DeploymentDeploy, Name: "webshop", Descriptor: &descriptor, Class: "web", Count: 4,
			Machine: "web-1", Volume: "data", Mount: "/mnt",
			Errand: errand(), Upload: "errand-01KAKWF9C6J1N5X8Z2E7A0R4QY",
		}),
		of(deploymentStatus()),
		of(proto.DeploymentList{Deployments: []proto.DeploymentStatus{deploymentStatus()}, Next: "webshop " + deploymentID}),
		of(proto.SampleList{Samples: []proto.Sample{sample()}, Silent: []string{"ptc-oslo"}, Next: ref().Key()}),
		of(proto.CredentialCommand{
			Scope: services.Scope{Vendor: "ptc-athens", Class: "db"}, Remove: true, Sealed: []byte("a sealed box"),
		}),
		of(proto.CredentialReport{
			Vendor: "ptc-athens", Needs: map[descriptors.ResourceType][]string{descriptors.Compute: {"token", "user"}},
			Checks: []proto.CredentialCheck{{
				Scope: services.Scope{Vendor: "ptc-athens", Class: "db"}, State: proto.CredentialIncomplete,
				Missing: map[descriptors.ResourceType][]string{descriptors.Compute: {"user"}}, Message: "not tried",
			}},
		}),
		of(proto.SignedRegister{Text: "eyJ2ZXJzaW9uIjoxLCJhZ2VuY3kiOiJhMSIsImVudHJpZXMiOnt9fQ.c2lnbmF0dXJl"}),
	}
}

func deploymentStatus() proto.DeploymentStatus {
	return proto.DeploymentStatus{
		Descriptor: deployment(), State: descriptors.DeploymentDegraded, Since: noon.Add(time.Hour),
		Counts: map[string]int{"web": 3, "db": 1}, Resources: []proto.ResourceStatus{resource()}, Price: micros(28_700),
		Fault: "ptc-lisbon lost web-3", Hint: "nothing to do; a replacement is being created", Operation: commandID,
		Stopped: []string{"web-2"},
	}
}

func errand() *proto.Errand {
	return &proto.Errand{
		Arguments: []string{"wc", "-l"}, Directory: "/srv", Input: []byte("a line\n"), Path: "/srv/page.html",
		Digest: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	}
}

func errandOutcome() proto.Outcome {
	done := outcome()
	done.Errand = &proto.ErrandResult{Exit: 1, Streams: map[string]proto.Stream{
		proto.StreamStdout: {
			Text: []byte("1\n"), Size: 2, Digest: "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865",
		},
	}}
	return done
}

func question() proto.Question {
	machine := ref()
	return proto.Question{
		Topic: proto.TopicConsole, Subject: deploymentID, Stream: proto.StreamStdout, Resource: &machine, Offset: 12_288, Seen: []byte("listening"),
		Page: &proto.Page{After: "webshop " + deploymentID, Bytes: 65_536},
	}
}

func golden(version string, kind string) string {
	return filepath.Join("testdata", version, kind+".json")
}

func TestGoldenFilesAreWhatIsWritten(t *testing.T) {
	for _, fixture := range fixtures() {
		t.Run(fixture.kind, func(t *testing.T) {
			got, path := fixture.text(t), golden("v1", fixture.kind)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs from what is written now; if that is right, run go test ./proto -update\n%s", path, got)
			}
		})
	}
}

// Whatever a version was ever written like must still be read, with a name it does not know among it.
func TestGoldenFilesOfAllVersionsAreRead(t *testing.T) {
	versions, err := filepath.Glob(filepath.Join("testdata", "v*"))
	if err != nil || len(versions) != proto.ContentVersion {
		t.Fatalf("golden files of versions %v, %v; want those of 1 to %d", versions, err, proto.ContentVersion)
	}
	for i, version := range versions {
		for _, fixture := range fixtures() {
			body, err := os.ReadFile(golden(filepath.Base(version), fixture.kind))
			if err != nil {
				t.Error(err)
				continue
			}
			message := proto.Message{ContentType: proto.ContentType(fixture.kind, i+1), Body: body}
			if same, err := fixture.decode(message); err != nil || !same {
				t.Errorf("%s %s: the same value: %v, %v", version, fixture.kind, same, err)
			}
			message.Body = append([]byte(`{"a name from the future": [{"x": 1}],`), body[1:]...)
			if same, err := fixture.decode(message); err != nil || !same {
				t.Errorf("%s %s with a name more: the same value: %v, %v", version, fixture.kind, same, err)
			}
		}
	}
}

func TestEveryKindHasAGoldenFile(t *testing.T) {
	source, err := os.ReadFile("codec.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, kind := range regexp.MustCompile(`\t\treturn "([a-z-]+)"\n`).FindAllStringSubmatch(string(source), -1) {
		want = append(want, kind[1])
	}
	for _, fixture := range fixtures() {
		got = append(got, fixture.kind)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("kinds with a golden file\n%v\nkinds\n%v", got, want)
	}
}

func TestDecodeRefusesWhatIsNotTheContent(t *testing.T) {
	good := `{"topic":"vendors"}`
	for name, test := range map[string]struct {
		contentType, body string
		want              error
	}{
		"another kind":          {proto.ContentType("event", 1), good, proto.ErrContent},
		"newer version":         {proto.ContentType("question", proto.ContentVersion+1), good, proto.ErrVersion},
		"version 0":             {proto.ContentType("question", 0), good, proto.ErrVersion},
		"no version":            {"application/vnd.cloud-agency.question+json", good, proto.ErrContent},
		"somebody else's type":  {"application/json;version=1", good, proto.ErrContent},
		"no type":               {"", good, proto.ErrContent},
		"not JSON":              {proto.ContentType("question", 1), `{"topic":`, proto.ErrContent},
		"two values":            {proto.ContentType("question", 1), good + good, proto.ErrContent},
		"another type of value": {proto.ContentType("question", 1), `{"topic":7}`, proto.ErrContent},
		"invalid UTF-8":         {proto.ContentType("question", 1), "{\"topic\":\"a\xff\"}", proto.ErrContent},
		"a name twice":          {proto.ContentType("question", 1), `{"topic":"a","topic":"b"}`, proto.ErrContent},
		"a name twice, escaped": {proto.ContentType("question", 1), `{"topic":"a","t\u006fpic":"b"}`, proto.ErrContent},
		"a name twice, deeper":  {proto.ContentType("question", 1), `{"topic":"a","x":[{"y":{"z":1,"z":2}}]}`, proto.ErrContent},
		"too long":              {proto.ContentType("question", 1), good + strings.Repeat(" ", proto.MaxBody), proto.ErrContent},
	} {
		_, err := proto.Decode[proto.Question](proto.Message{ContentType: test.contentType, Body: []byte(test.body)})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
}

func TestDecodeTakesWhatOnlyLooksRepeated(t *testing.T) {
	for _, body := range []string{
		`{"topic":"vendors","x":{"topic":1},"y":[{"topic":2},{"topic":3},"topic","topic"]}`,
		`{"topic":"a\"topic\":","subject":"topic"}`,
		`{"topic":"{\"topic\":1,\"topic\":2}"}`,
		` { "topic" : "vendors" , "Topic2":{}, "list" : [ [ ] , { } ] } `,
	} {
		message := proto.Message{ContentType: "application/vnd.cloud-agency.question+json; version=1", Body: []byte(body)}
		if _, err := proto.Decode[proto.Question](message); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestAsRefusalFindsTheReason(t *testing.T) {
	failed := outcome()
	why := refusal()
	failed.Refusal = &why
	answer := func(performative proto.Performative, encode func(*proto.Message) error) proto.Message {
		message := proto.Message{Performative: performative, Sender: proto.Vendor("one")}
		if err := encode(&message); err != nil {
			t.Fatal(err)
		}
		return message
	}
	plain := func(m *proto.Message) error { return proto.Encode(m, refusal()) }
	inside := func(m *proto.Message) error { return proto.Encode(m, failed) }
	nothing := func(*proto.Message) error { return nil }
	for _, performative := range []proto.Performative{proto.Refuse, proto.Failure, proto.NotUnderstood} {
		if got, is := proto.AsRefusal(answer(performative, plain)); !is || got != why {
			t.Errorf("%s: %+v, %v", performative, got, is)
		}
		if got, is := proto.AsRefusal(answer(performative, nothing)); !is || got.Code != sla.RefusedInternal {
			t.Errorf("%s without a reason: %+v, %v", performative, got, is)
		}
	}
	if got, is := proto.AsRefusal(answer(proto.Failure, inside)); !is || got != why {
		t.Errorf("failed outcome: %+v, %v", got, is)
	}
	if _, is := proto.AsRefusal(answer(proto.Inform, plain)); is {
		t.Error("an inform was taken for a refusal")
	}
}
