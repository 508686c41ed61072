package proto

import (
	"fmt"
	"strings"
	"time"
)

// Performative is what a message does (FIPA SC00037).
type Performative string

// The performatives in use.
const (
	CallForProposal Performative = "cfp"
	Propose         Performative = "propose"
	AcceptProposal  Performative = "accept-proposal"
	RejectProposal  Performative = "reject-proposal"
	Request         Performative = "request"
	QueryRef        Performative = "query-ref"
	Cancel          Performative = "cancel"
	Agree           Performative = "agree"
	Refuse          Performative = "refuse"
	NotUnderstood   Performative = "not-understood"
	Inform          Performative = "inform"
	Failure         Performative = "failure"
)

// Protocol names the conversation's rules.
type Protocol string

// The protocols in use.
const (
	ContractNet         Protocol = "fipa-contract-net"          // SC00029
	IteratedContractNet Protocol = "fipa-iterated-contract-net" // SC00030
	RequestProtocol     Protocol = "fipa-request"               // SC00026
	QueryProtocol       Protocol = "fipa-query"                 // SC00027
)

// Role is what an agent is for; the table of rights has a row for each.
type Role string

// The roles.
const (
	RoleBroker   Role = "broker"
	RoleVendor   Role = "vendor"
	RoleDeployer Role = "deployer"
	RoleMonitor  Role = "monitor"
	RoleClient   Role = "client"
)

// Roles lists every role.
var Roles = [...]Role{RoleBroker, RoleVendor, RoleDeployer, RoleMonitor, RoleClient}

// Singleton roles have one agent (or replicas of one), whose name is the role.
func (r Role) Singleton() bool { return r == RoleBroker || r == RoleDeployer || r == RoleMonitor }

// Identity is who an agent is: "broker", "vendor.ptc-athens", "client.ada".
type Identity struct {
	Role Role
	Name string
}

// Agent is the identity of a singleton role's agent.
func Agent(role Role) Identity { return Identity{role, string(role)} }

// Vendor is the identity of the vendor agent of that name.
func Vendor(name string) Identity { return Identity{RoleVendor, name} }

// String writes the role alone for a singleton, else the role, a dot and the name.
func (i Identity) String() string {
	if i.Role.Singleton() || i.Name == "" {
		return string(i.Role)
	}
	return string(i.Role) + "." + i.Name
}

// ParseIdentity reads what String writes.
func ParseIdentity(text string) (Identity, error) {
	role, name, _ := strings.Cut(text, ".")
	for _, known := range Roles {
		if Role(role) != known {
			continue
		}
		switch {
		case known.Singleton() && name == "":
			return Agent(known), nil
		case !known.Singleton() && CheckName(name) == nil:
			return Identity{known, name}, nil
		}
	}
	return Identity{}, fmt.Errorf("%q is not an agent: write broker, deployer, monitor, vendor.NAME or client.NAME", text)
}

// CheckName says what is wrong with an agent's name: it is a lower-case letter, then lower-case letters, digits and
// hyphens, at most 40, and not a role's.
func CheckName(name string) error {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	bad := name == "" || len(name) > 40 || strings.Trim(name[:1], letters) != "" ||
		strings.Trim(name, letters+"0123456789-") != "" || strings.HasSuffix(name, "-")
	if bad {
		return fmt.Errorf("%q is not a name: write a lower-case letter, then letters, digits and hyphens, at most 40", name)
	}
	for _, role := range Roles {
		if name == string(role) {
			return fmt.Errorf("%q is the name of a role", name)
		}
	}
	return nil
}

// Message is one message between agents: the envelope, and the body as it travels.
type Message struct {
	Performative Performative
	Protocol     Protocol
	// Conversation is the same for all messages of one conversation.
	Conversation string
	// ReplyWith is what an answer carries as InReplyTo.
	ReplyWith, InReplyTo string
	// ReplyBy is when the sender stops waiting; zero for never.
	ReplyBy time.Time
	Sender  Identity
	// Receiver is an agent or, without a name, every agent of a role.
	Receiver Identity
	// ContentType names the body's kind and version; see Content.
	ContentType string
	// Round of an iterated negotiation, from 1; 0 elsewhere.
	Round int
	// Sequence orders the commands to one resource; 0 elsewhere.
	Sequence uint64
	// Traceparent is W3C Trace Context; empty for none.
	Traceparent string
	// ID is fresh for every transmission: 80 or more random bits.
	ID string
	// Command is stable over repeats of a command, which are answered again and never refused.
	Command string
	// Expires is until when the signature is good for delivery.
	Expires time.Time
	Body    []byte
}

// Reply makes the answer to m with that performative, addressed to its sender. The one who answers fills in the body.
func (m Message) Reply(performative Performative) Message {
	return Message{
		Performative: performative, Protocol: m.Protocol, Conversation: m.Conversation, InReplyTo: m.ReplyWith,
		Receiver: m.Sender, Round: m.Round, Sequence: m.Sequence, Traceparent: m.Traceparent, Command: m.Command,
	}
}
