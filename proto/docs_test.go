package proto_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/cloud-agency/agency/proto"
)

// document is docs/protocol.md, whose blocks after a mark are what the code makes of them.
type document struct {
	path, text string
}

func readDocument(t *testing.T) *document {
	t.Helper()
	path := filepath.Join("..", "docs", "protocol.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return &document{path, string(text)}
}

// block is the text between the fences that follow a mark.
func (d *document) block(t *testing.T, mark string) (begin, end int) {
	t.Helper()
	at := strings.Index(d.text, "<!-- "+mark+" -->\n```")
	if at < 0 {
		t.Fatalf("%s has no block %q", d.path, mark)
	}
	begin = at + strings.Index(d.text[at:], "```")
	begin += strings.IndexByte(d.text[begin:], '\n') + 1
	length := strings.Index(d.text[begin:], "```")
	if length < 0 {
		t.Fatalf("%s: block %q has no end", d.path, mark)
	}
	return begin, begin + length
}

func (d *document) read(t *testing.T, mark string) string {
	begin, end := d.block(t, mark)
	return d.text[begin:end]
}

// check compares a block with what it should be, or makes it that with -update.
func (d *document) check(t *testing.T, mark, want string) {
	t.Helper()
	begin, end := d.block(t, mark)
	if d.text[begin:end] == want {
		return
	}
	if !*update {
		t.Errorf("%s: block %q is not what the code says; run go test ./proto -update\ngot\n%swant\n%s", d.path, mark, d.text[begin:end], want)
		return
	}
	d.text = d.text[:begin] + want + d.text[end:]
	if err := os.WriteFile(d.path, []byte(d.text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDocumentShowsEveryContent(t *testing.T) {
	document := readDocument(t)
	for _, fixture := range fixtures() {
		document.check(t, "golden "+fixture.kind, fixture.text(t))
	}
}

// exampleKey is a key that is always the same, for examples.
func exampleKey(t *testing.T, prefix nkeys.PrefixByte, name string) nkeys.KeyPair {
	t.Helper()
	raw := sha256.Sum256([]byte("an example: " + name))
	key, err := nkeys.FromRawSeed(prefix, raw[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// example is the message of the document's example.
func example(t *testing.T) proto.Message {
	t.Helper()
	message := proto.Message{
		Performative: proto.Refuse, Protocol: proto.ContractNet, Conversation: callID, InReplyTo: callID, Round: 1,
		Sender: proto.Vendor("ptc-athens"), Receiver: proto.Agent(proto.RoleBroker), ID: "q83vEjRWeJCrze8SNFZ4kA",
		Expires: noon.Add(30*time.Second + 250*time.Millisecond),
	}
	if err := proto.Encode(&message, refusal()); err != nil {
		t.Fatal(err)
	}
	return message
}

func TestDocumentHoldsAnExampleThatVerifies(t *testing.T) {
	document, message := readDocument(t), example(t)
	key, account := exampleKey(t, nkeys.PrefixByteUser, "ptc-athens"), exampleKey(t, nkeys.PrefixByteAccount, "account")
	seed, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := message.Seal(key)
	if err != nil {
		t.Fatal(err)
	}
	register := proto.Register{Version: 7, Agency: "01kakwf1zv7y4t0q8n3v5c2m6r", Entries: map[string]proto.Entry{
		"vendor.ptc-athens": {Key: public(t, key), Sealing: public(t, exampleKey(t, nkeys.PrefixByteCurve, "ptc-athens")), Since: noon},
	}}
	signed, err := register.Sign(account)
	if err != nil {
		t.Fatal(err)
	}
	payload, _, _ := strings.Cut(signed.Text, ".")
	plain, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, plain, "", "  "); err != nil {
		t.Fatal(err)
	}
	document.check(t, "example seed", string(seed)+"\n")
	document.check(t, "example key", public(t, key)+"\n")
	document.check(t, "example headers", headerLines(sealed))
	document.check(t, "example body", string(message.Body)+"\n")
	document.check(t, "example canonical", string(proto.CanonicalText(sealed, message.Body)))
	document.check(t, "example account", public(t, account)+"\n")
	document.check(t, "example register", signed.Text+"\n")
	document.check(t, "example register-json", indented.String()+"\n")

	// And now as a stranger would: from nothing but the document.
	headers := make(map[string][]string)
	for line := range strings.Lines(document.read(t, "example headers")) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		headers[name] = []string{value}
	}
	stated := strings.TrimSuffix(document.read(t, "example register"), "\n")
	verifier, err := proto.NewVerifier(proto.Agent(proto.RoleBroker), strings.TrimSpace(document.read(t, "example account")),
		proto.SignedRegister{Text: stated}, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	body := strings.TrimSuffix(document.read(t, "example body"), "\n")
	got, err := verifier.Verify(headers, []byte(body))
	if err != nil {
		t.Fatalf("the document's example does not verify: %v", err)
	}
	if why, is := proto.AsRefusal(got); !is || why != refusal() {
		t.Errorf("the example says %+v", why)
	}
}

// headerLines writes headers in the order in which the document lists them.
func headerLines(headers map[string][]string) string {
	var lines strings.Builder
	for _, name := range []string{
		proto.HeaderPerformative, proto.HeaderProtocol, proto.HeaderConversation, proto.HeaderReplyWith, proto.HeaderInReplyTo,
		proto.HeaderReplyBy, proto.HeaderSender, proto.HeaderReceiver, proto.HeaderContentType, proto.HeaderRound,
		proto.HeaderSequence, proto.HeaderTraceparent, proto.HeaderMessage, proto.HeaderCommand, proto.HeaderExpires,
		proto.HeaderSignature,
	} {
		for _, value := range headers[name] {
			lines.WriteString(name + ": " + value + "\n")
		}
	}
	return lines.String()
}

// Whatever word the code defines for the wire is explained somewhere in the document.
func TestDocumentNamesEveryWord(t *testing.T) {
	document := readDocument(t)
	constants := regexp.MustCompile(`(?m)^\s+\w+\s+(?:\w+\s+)?= "([a-zA-Z][\w.-]{0,24})"`)
	for _, path := range []string{
		"headers.go", "message.go", "subjects.go", "contents.go", "negotiation.go", "questions.go", "../sla/proposal.go", "../sla/plan.go",
		"../descriptors/deployment.go", "../vendormodules/resource.go",
	} {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, constant := range constants.FindAllStringSubmatch(string(source), -1) {
			if word := constant[1]; !strings.Contains(document.text, "`"+word+"`") && !strings.Contains(document.text, "**"+word+"**") {
				t.Errorf("%s: the document does not say what %q is", path, word)
			}
		}
	}
}
