package proto

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nkeys"
)

// ErrOldRegister is returned for a register older than the one already trusted.
var ErrOldRegister = errors.New("register is older than the one in use")

const registerContext = "cloud-agency register 1\n"

// Register says who may act as which agent. Every change makes a new version.
type Register struct {
	Version uint64 `json:"version"`
	// Agency is the agency's id, which all that it creates at clouds is tagged with.
	Agency string `json:"agency"`
	// Entries by identity, as Identity.String writes it.
	Entries map[string]Entry `json:"entries"`
}

// Entry is one agent of a register.
type Entry struct {
	// Key is the public nkey of the NATS user, which verifies what the agent signs.
	Key string `json:"key"`
	// Sealing is the public curve nkey to which secrets for the agent are sealed.
	Sealing string    `json:"sealing,omitempty"`
	Since   time.Time `json:"since"`
	// Former are the keys that the agent had before; they verify what it said then and nothing new.
	Former []string `json:"former,omitempty"`
	// Revoked is since when the agent may act no more; zero while it may.
	Revoked time.Time `json:"revoked,omitzero"`
}

// Entry returns the entry of an agent that may act.
func (r Register) Entry(identity Identity) (Entry, bool) {
	entry, found := r.Entries[identity.String()]
	return entry, found && entry.Revoked.IsZero()
}

// Vendors are the names of the vendors that may act, in no order.
func (r Register) Vendors() []string {
	var names []string
	for text, entry := range r.Entries {
		if identity, err := ParseIdentity(text); err == nil && identity.Role == RoleVendor && entry.Revoked.IsZero() {
			names = append(names, identity.Name)
		}
	}
	return names
}

// SignedRegister is a register under the account's signature: the register's JSON and the signature, each in base64url
// without padding, joined by a dot. The signature is over the line "cloud-agency register 1", a line feed, and the text
// before the dot.
type SignedRegister struct {
	Text string `json:"register"`
}

// Sign signs the register with the account's key.
func (r Register) Sign(account Signer) (SignedRegister, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return SignedRegister{}, fmt.Errorf("encode register: %w", err)
	}
	payload := base64.RawURLEncoding.EncodeToString(body)
	signature, err := account.Sign([]byte(registerContext + payload))
	if err != nil {
		return SignedRegister{}, fmt.Errorf("sign register: %w", err)
	}
	return SignedRegister{payload + "." + base64.RawURLEncoding.EncodeToString(signature)}, nil
}

// Open returns the register if the account with that public nkey signed it, else ErrMalformed or ErrSignature.
func (s SignedRegister) Open(account string) (Register, error) {
	payload, encoded, _ := strings.Cut(s.Text, ".")
	signature, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(signature) != ed25519.SignatureSize {
		return Register{}, fmt.Errorf("%w: register's signature is not %d bytes in base64url", ErrMalformed, ed25519.SignatureSize)
	}
	key, err := nkeys.Decode(nkeys.PrefixByteAccount, []byte(account))
	if err != nil {
		return Register{}, fmt.Errorf("account key %q: %w", account, err)
	}
	if !ed25519.Verify(key, []byte(registerContext+payload), signature) {
		return Register{}, fmt.Errorf("register: %w", ErrSignature)
	}
	body, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return Register{}, fmt.Errorf("%w: register: %w", ErrMalformed, err)
	}
	var register Register
	if err := json.Unmarshal(body, &register); err != nil {
		return Register{}, fmt.Errorf("%w: register: %w", ErrMalformed, err)
	}
	return register, nil
}

func parseUserKey(text string) (ed25519.PublicKey, error) {
	key, err := nkeys.Decode(nkeys.PrefixByteUser, []byte(text))
	if err != nil {
		return nil, fmt.Errorf("%q is not the public nkey of a user: %w", text, err)
	}
	if len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%q has %d bytes, not %d", text, len(key), ed25519.PublicKeySize)
	}
	return ed25519.PublicKey(key), nil
}
