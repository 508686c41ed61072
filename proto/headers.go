package proto

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The headers of a message: FIPA ACL's names where it has one. Names are case-sensitive.
const (
	HeaderPerformative = "Performative"
	HeaderProtocol     = "Protocol"
	HeaderConversation = "Conversation-Id"
	HeaderReplyWith    = "Reply-With"
	HeaderInReplyTo    = "In-Reply-To"
	HeaderReplyBy      = "Reply-By"
	HeaderSender       = "Sender"
	HeaderReceiver     = "Receiver"
	HeaderContentType  = "Content-Type"
	HeaderRound        = "Round"
	HeaderSequence     = "Sequence"
	HeaderTraceparent  = "Traceparent"
	HeaderMessage      = "Message-Id"
	HeaderCommand      = "Command-Id"
	HeaderExpires      = "Expires"
	HeaderSignature    = "Signature"
)

// signedHeaders are the headers under the signature, in the order in which they are signed.
var signedHeaders = [...]string{
	HeaderPerformative, HeaderProtocol, HeaderConversation, HeaderReplyWith, HeaderInReplyTo, HeaderReplyBy,
	HeaderSender, HeaderReceiver, HeaderContentType, HeaderRound, HeaderSequence, HeaderTraceparent, HeaderMessage,
	HeaderCommand, HeaderExpires,
}

const (
	// MaxHeader is the most bytes that one header's value may have.
	MaxHeader = 512
	// MaxBody is the most bytes that a body may have. What is larger travels in the object store.
	MaxBody = 1 << 20

	signatureContext = "cloud-agency message 1\n"
)

// ErrMalformed is wrapped by the errors of messages that cannot be read at all.
var ErrMalformed = errors.New("malformed message")

// Signer signs with an agent's or an account's key. Every nkeys.KeyPair is one.
type Signer interface {
	Sign(text []byte) ([]byte, error)
}

// FreshID returns 128 random bits as 22 characters of base64url.
func FreshID() string {
	var bits [16]byte
	rand.Read(bits[:]) // never fails; it would end the program instead
	return base64.RawURLEncoding.EncodeToString(bits[:])
}

// Seal writes the envelope into headers and signs it together with the body. It refuses envelopes that no reader would
// take: values that a header cannot hold, a missing performative, sender, message id or expiry.
func (m Message) Seal(signer Signer) (map[string][]string, error) {
	headers, err := m.headers()
	if err != nil {
		return nil, err
	}
	signature, err := signer.Sign(CanonicalText(headers, m.Body))
	if err != nil {
		return nil, fmt.Errorf("sign message: %w", err)
	}
	headers[HeaderSignature] = []string{base64.RawURLEncoding.EncodeToString(signature)}
	return headers, nil
}

func (m Message) headers() (map[string][]string, error) {
	fields := [len(signedHeaders)]string{
		string(m.Performative), string(m.Protocol), m.Conversation, m.ReplyWith, m.InReplyTo, formatTime(m.ReplyBy),
		formatAgent(m.Sender), formatAgent(m.Receiver), m.ContentType, formatNumber(uint64(max(m.Round, 0))),
		formatNumber(m.Sequence), m.Traceparent, m.ID, m.Command, formatTime(m.Expires),
	}
	headers := make(map[string][]string, len(fields)+1)
	values := make([]string, len(fields))
	for i, value := range fields {
		if value == "" {
			continue
		}
		if err := checkValue(signedHeaders[i], value); err != nil {
			return nil, err
		}
		values[i] = value
		headers[signedHeaders[i]] = values[i : i+1 : i+1]
	}
	// What Open would refuse is refused here already, where the fault is.
	if _, err := Open(headers, m.Body); err != nil {
		return nil, err
	}
	return headers, nil
}

// CanonicalText is what a signature signs: a line that names the format, a line "Name: value" for each signed header in
// the documented order, with an empty value for an absent one, and a line "Body-SHA256: " with the body's SHA-256 in
// base64url without padding. Every line ends with a line feed.
func CanonicalText(headers map[string][]string, body []byte) []byte {
	text := make([]byte, 0, 1024)
	text = append(text, signatureContext...)
	for _, name := range signedHeaders {
		text = append(text, name...)
		text = append(text, ": "...)
		text = append(text, first(headers, name)...)
		text = append(text, '\n')
	}
	digest := sha256.Sum256(body)
	text = append(text, "Body-SHA256: "...)
	text = base64.RawURLEncoding.AppendEncode(text, digest[:])
	return append(text, '\n')
}

// Open reads a message without asking who wrote it; Verifier does. Its errors wrap ErrMalformed. Headers that are not
// the envelope's are ignored.
func Open(headers map[string][]string, body []byte) (Message, error) {
	for _, name := range signedHeaders {
		values := headers[name]
		if len(values) > 1 {
			return Message{}, malformed(name, "is there %d times", len(values))
		}
		if len(values) == 1 {
			if err := checkValue(name, values[0]); err != nil {
				return Message{}, err
			}
		}
	}
	if len(body) > MaxBody {
		return Message{}, fmt.Errorf("%w: body of %d bytes, at most %d are allowed", ErrMalformed, len(body), MaxBody)
	}
	message := Message{
		Performative: Performative(first(headers, HeaderPerformative)),
		Protocol:     Protocol(first(headers, HeaderProtocol)),
		Conversation: first(headers, HeaderConversation),
		ReplyWith:    first(headers, HeaderReplyWith),
		InReplyTo:    first(headers, HeaderInReplyTo),
		ContentType:  first(headers, HeaderContentType),
		Traceparent:  first(headers, HeaderTraceparent),
		ID:           first(headers, HeaderMessage),
		Command:      first(headers, HeaderCommand),
		Body:         body,
	}
	if err := message.parse(headers); err != nil {
		return Message{}, err
	}
	return message, nil
}

// parse reads the headers that are more than text.
func (m *Message) parse(headers map[string][]string) (err error) {
	if !m.Performative.known() {
		return malformed(HeaderPerformative, "%q is not one of the performatives in use", string(m.Performative))
	}
	if !m.Protocol.known() {
		return malformed(HeaderProtocol, "%q is not one of the protocols in use", string(m.Protocol))
	}
	if m.Sender, err = ParseIdentity(first(headers, HeaderSender)); err != nil {
		return malformed(HeaderSender, "%w", err)
	}
	if m.Receiver, err = parseReceiver(first(headers, HeaderReceiver)); err != nil {
		return malformed(HeaderReceiver, "%w", err)
	}
	if len(m.ID) < minID || len(m.ID) > maxID || strings.Trim(m.ID, idAlphabet) != "" {
		return malformed(HeaderMessage, "%q is not an id: write 80 or more random bits in %d to %d of a-z A-Z 0-9 - _",
			m.ID, minID, maxID)
	}
	round, err := parseNumber(HeaderRound, first(headers, HeaderRound), 31)
	if err != nil {
		return err
	}
	m.Round = int(round)
	if m.Sequence, err = parseNumber(HeaderSequence, first(headers, HeaderSequence), 64); err != nil {
		return err
	}
	if m.ReplyBy, err = parseTime(HeaderReplyBy, first(headers, HeaderReplyBy)); err != nil {
		return err
	}
	if m.Expires, err = parseTime(HeaderExpires, first(headers, HeaderExpires)); err != nil {
		return err
	}
	if m.Expires.IsZero() {
		return malformed(HeaderExpires, "is missing")
	}
	return nil
}

const (
	minID      = 14
	maxID      = 64
	idAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
)

func (p Performative) known() bool {
	switch p {
	case CallForProposal, Propose, AcceptProposal, RejectProposal, Request, QueryRef, Cancel, Agree, Refuse,
		NotUnderstood, Inform, Failure:
		return true
	}
	return false
}

func (p Protocol) known() bool {
	switch p {
	case "", ContractNet, IteratedContractNet, RequestProtocol, QueryProtocol:
		return true
	}
	return false
}

// parseReceiver reads nobody in particular, an agent, or a role whose agents are all meant.
func parseReceiver(text string) (Identity, error) {
	switch text {
	case "":
		return Identity{}, nil
	case string(RoleVendor), string(RoleClient):
		return Identity{Role: Role(text)}, nil
	}
	return ParseIdentity(text)
}

func formatAgent(agent Identity) string {
	if agent == (Identity{}) {
		return ""
	}
	return agent.String()
}

func formatTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

func parseTime(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, malformed(name, "%q is not a time; write 2026-11-21T09:30:00Z", text)
	}
	return at.UTC(), nil
}

func formatNumber(number uint64) string {
	if number == 0 {
		return ""
	}
	return strconv.FormatUint(number, 10)
}

func parseNumber(name, text string, bits int) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	number, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return 0, malformed(name, "%q is not a number of %d bits", text, bits)
	}
	return number, nil
}

// checkValue refuses what NATS would change on the way or what could stand for another header: only printable ASCII
// without spaces at the ends keeps its bytes, and so its signature.
func checkValue(name, value string) error {
	if len(value) > MaxHeader {
		return malformed(name, "has %d bytes, at most %d are allowed", len(value), MaxHeader)
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return malformed(name, "has a byte that is not printable ASCII at offset %d", i)
		}
	}
	if strings.TrimSpace(value) != value {
		return malformed(name, "begins or ends with a space")
	}
	return nil
}

func malformed(header, format string, arguments ...any) error {
	return fmt.Errorf("%w: header %s "+format, append([]any{ErrMalformed, header}, arguments...)...)
}

func first(headers map[string][]string, name string) string {
	if values := headers[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
