package proto

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Why a message is refused before anyone looks at its content.
var (
	ErrUnsigned      = errors.New("message is not signed")
	ErrSignature     = errors.New("signature does not fit the message")
	ErrExpired       = errors.New("message has expired")
	ErrLifetime      = errors.New("message lives too long")
	ErrReplayed      = errors.New("message was here before")
	ErrFlood         = errors.New("sender has too many messages that have not expired")
	ErrNotForMe      = errors.New("message is addressed to another")
	ErrUnknownSender = errors.New("sender is not in the register")
)

const (
	// ClockSkew is how much two agents' clocks may differ.
	ClockSkew = 5 * time.Second
	// MaxLifetime is the longest that a message may be good for delivery.
	MaxLifetime = 10 * time.Minute
)

// Verifier decides whether a message is what it says and meant for this agent. Safe for use by many goroutines.
type Verifier struct {
	self    Identity
	account string
	now     func() time.Time
	guard   *ReplayGuard
	trust   atomic.Pointer[Trust]
}

// Trust is a register that the account has signed, with its keys parsed. It never changes, so that all agents of one
// process can share it: that many agents each read a register of as many takes the square of their number.
type Trust struct {
	account  string
	signed   SignedRegister
	register Register
	keys     map[Identity]ed25519.PublicKey
	// former keys verify what was stored while they were in use.
	former map[Identity][]ed25519.PublicKey
}

// NewTrust opens a register if the account with that public nkey signed it, else it is ErrMalformed or ErrSignature.
func NewTrust(account string, signed SignedRegister) (*Trust, error) {
	register, err := signed.Open(account)
	if err != nil {
		return nil, err
	}
	parsed := &Trust{
		account: account, signed: signed, register: register,
		keys: make(map[Identity]ed25519.PublicKey, len(register.Entries)), former: make(map[Identity][]ed25519.PublicKey),
	}
	for name, entry := range register.Entries {
		identity, err := ParseIdentity(name)
		if err != nil {
			return nil, fmt.Errorf("%w: register: %w", ErrMalformed, err)
		}
		for i, text := range append([]string{entry.Key}, entry.Former...) {
			key, err := parseUserKey(text)
			if err != nil {
				return nil, fmt.Errorf("%w: register: key of %s: %w", ErrMalformed, name, err)
			}
			if i == 0 && entry.Revoked.IsZero() {
				parsed.keys[identity] = key
			} else {
				parsed.former[identity] = append(parsed.former[identity], key)
			}
		}
	}
	return parsed, nil
}

// Signed is the register as the account signed it.
func (t *Trust) Signed() SignedRegister { return t.signed }

// Account is the public nkey of the account that signed it.
func (t *Trust) Account() string { return t.account }

// Register is the register, which is not to be changed.
func (t *Trust) Register() Register { return t.register }

// NewVerifier makes the verifier of one agent, which trusts what the account's key has signed: at first, that register.
func NewVerifier(self Identity, account string, register SignedRegister, now func() time.Time) (*Verifier, error) {
	trust, err := NewTrust(account, register)
	if err != nil {
		return nil, err
	}
	return NewTrustingVerifier(self, trust, now), nil
}

// NewTrustingVerifier is NewVerifier with a register that was opened before.
func NewTrustingVerifier(self Identity, trust *Trust, now func() time.Time) *Verifier {
	verifier := &Verifier{self: self, account: trust.account, now: now, guard: NewReplayGuard()}
	verifier.trust.Store(trust)
	return verifier
}

// Update takes a newer register than the one trusted so far and says whether it did. One of the same version is no
// change, an older one ErrOldRegister, one that the account did not sign ErrSignature.
func (v *Verifier) Update(signed SignedRegister) (bool, error) {
	if v.SignedRegister() == signed {
		return false, nil
	}
	next, err := NewTrust(v.account, signed)
	if err != nil {
		return false, err
	}
	return v.UpdateTrust(next)
}

// UpdateTrust is Update with a register that was opened before.
func (v *Verifier) UpdateTrust(next *Trust) (bool, error) {
	if next.account != v.account {
		return false, fmt.Errorf("register of account %s: %w", next.account, ErrSignature)
	}
	for {
		current := v.trust.Load()
		if next.register.Version < current.register.Version {
			return false, fmt.Errorf("%w: version %d, trusted is %d", ErrOldRegister, next.register.Version, current.register.Version)
		}
		if next.register.Version == current.register.Version {
			return false, nil
		}
		if v.trust.CompareAndSwap(current, next) {
			return true, nil
		}
	}
}

// Register is the newest register seen.
func (v *Verifier) Register() Register { return v.trust.Load().register }

// SignedRegister is the newest register seen, as the account signed it.
func (v *Verifier) SignedRegister() SignedRegister { return v.trust.Load().signed }

// Verify opens a message that was delivered to this agent: one that its sender signed, that is addressed to the agent or
// its role, has not expired and was not here before.
//
// An expired message is returned together with ErrExpired when all else about it is right, so that its sender can be
// told.
func (v *Verifier) Verify(headers map[string][]string, body []byte) (Message, error) {
	message, err := v.authenticate(headers, body, false)
	if err != nil {
		return Message{}, err
	}
	if !v.addressed(message.Receiver) {
		return Message{}, fmt.Errorf("%w: to %s, this is %s", ErrNotForMe, formatAgent(message.Receiver), v.self)
	}
	return v.fresh(message, v.guard)
}

// VerifyAnswer is Verify for an answer to a question that this agent asked with an unguessable reply subject. An answer
// is bound to its question by its In-Reply-To, which the caller checks, so it is not remembered.
func (v *Verifier) VerifyAnswer(headers map[string][]string, body []byte) (Message, error) {
	message, err := v.authenticate(headers, body, false)
	if err != nil {
		return Message{}, err
	}
	if message.Receiver != v.self {
		return Message{}, fmt.Errorf("%w: to %s, this is %s", ErrNotForMe, formatAgent(message.Receiver), v.self)
	}
	return v.fresh(message, nil)
}

// VerifyPublished opens a message that was published just now for whoever listens, and so is addressed to nobody. Each
// listener has a guard of its own, since each hears every message.
func (v *Verifier) VerifyPublished(headers map[string][]string, body []byte, guard *ReplayGuard) (Message, error) {
	message, err := v.authenticate(headers, body, false)
	if err != nil {
		return Message{}, err
	}
	if err := toAll(message); err != nil {
		return Message{}, err
	}
	return v.fresh(message, guard)
}

// VerifyStored opens a published message that is read later from a stream: its expiry does not bind, it may be read any
// number of times, and its sender may have another key by now or none.
func (v *Verifier) VerifyStored(headers map[string][]string, body []byte) (Message, error) {
	message, err := v.authenticate(headers, body, true)
	if err != nil {
		return Message{}, err
	}
	return message, toAll(message)
}

func toAll(message Message) error {
	if message.Receiver != (Identity{}) {
		return fmt.Errorf("%w: to %s, not to whoever listens", ErrNotForMe, message.Receiver)
	}
	return nil
}

// authenticate opens a message and makes sure that its sender wrote it, of whose former keys one will do if stored.
func (v *Verifier) authenticate(headers map[string][]string, body []byte, stored bool) (Message, error) {
	message, err := Open(headers, body)
	if err != nil {
		return Message{}, err
	}
	signatures := headers[HeaderSignature]
	if len(signatures) == 0 {
		return Message{}, ErrUnsigned
	}
	if len(signatures) > 1 {
		return Message{}, malformed(HeaderSignature, "is there %d times", len(signatures))
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(signatures[0])
	if err != nil || len(signature) != ed25519.SignatureSize {
		return Message{}, malformed(HeaderSignature, "is not %d bytes in base64url", ed25519.SignatureSize)
	}
	trust := v.trust.Load()
	key, known := trust.keys[message.Sender]
	text := CanonicalText(headers, body)
	if known && ed25519.Verify(key, text, signature) {
		return message, nil
	}
	if former := trust.former[message.Sender]; stored && len(former) > 0 {
		known = true
		for _, key := range former {
			if ed25519.Verify(key, text, signature) {
				return message, nil
			}
		}
	}
	if !known {
		return Message{}, fmt.Errorf("%w: %s", ErrUnknownSender, message.Sender)
	}
	return Message{}, fmt.Errorf("%w: sender %s", ErrSignature, message.Sender)
}

func (v *Verifier) addressed(receiver Identity) bool {
	return receiver == v.self || (receiver.Name == "" && receiver.Role == v.self.Role)
}

// fresh refuses what has expired, lives too long, or is remembered by the guard if there is one.
func (v *Verifier) fresh(message Message, guard *ReplayGuard) (Message, error) {
	now := v.now()
	if now.After(message.Expires.Add(ClockSkew)) {
		return message, fmt.Errorf("%w: at %s, the clock here shows %s", ErrExpired,
			formatTime(message.Expires), formatTime(now))
	}
	if message.Expires.After(now.Add(MaxLifetime + ClockSkew)) {
		return Message{}, fmt.Errorf("%w: until %s, at most %s are allowed", ErrLifetime, formatTime(message.Expires), MaxLifetime)
	}
	if guard == nil {
		return message, nil
	}
	if err := guard.Admit(message, now); err != nil {
		return Message{}, fmt.Errorf("%w: %s from %s", err, message.ID, message.Sender)
	}
	return message, nil
}
