package services

import (
	"errors"
	"fmt"

	"github.com/nats-io/nkeys"
)

// SealingKey is the private half of a key to which secrets are sealed for the way over the bus: an X25519 key in the
// notation of nkeys ("X..."). What is sealed says nothing of who sealed it; the message that carries it is signed.
type SealingKey struct{ pair nkeys.KeyPair }

// publicKeyBytes is how long a public key is in its notation.
const publicKeyBytes = 56

// errUnsealed says no more than it must.
var errUnsealed = errors.New("is not sealed to this key, or was changed")

// NewSealingKey makes a key at random.
func NewSealingKey() (SealingKey, error) {
	pair, err := nkeys.CreateCurveKeys()
	if err != nil {
		return SealingKey{}, fmt.Errorf("make sealing key: %w", err)
	}
	return SealingKey{pair}, nil
}

// ParseSealingKey reads what Seed returned.
func ParseSealingKey(seed Secret) (SealingKey, error) {
	pair, err := nkeys.FromCurveSeed([]byte(seed.Reveal()))
	if err != nil {
		return SealingKey{}, errors.New("seed of a sealing key: not a curve seed (SX...)")
	}
	return SealingKey{pair}, nil
}

// Public is what others seal to.
func (k SealingKey) Public() (string, error) { return k.pair.PublicKey() }

// Seed is what to keep of the key.
func (k SealingKey) Seed() (Secret, error) {
	seed, err := k.pair.Seed()
	return NewSecret(string(seed)), err
}

// Format implements fmt.Formatter, for every verb.
func (k SealingKey) Format(state fmt.State, verb rune) { Secret{}.Format(state, verb) }

// SealTo seals a text so that only the holder of a public key's private half can open it. Each text is sealed with a key
// of its own, whose public half goes in front.
func SealTo(recipient string, plaintext []byte) ([]byte, error) {
	if !nkeys.IsValidPublicCurveKey(recipient) {
		return nil, fmt.Errorf("seal: %q is not a public curve key (X...)", recipient)
	}
	once, err := nkeys.CreateCurveKeys()
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	defer once.Wipe()
	public, err := once.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	box, err := once.Seal(plaintext, recipient)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return append([]byte(public), box...), nil
}

// Open opens what was sealed to the key.
func (k SealingKey) Open(sealed []byte) ([]byte, error) {
	if len(sealed) < publicKeyBytes {
		return nil, fmt.Errorf("open: %w", errUnsealed)
	}
	plaintext, err := k.pair.Open(sealed[publicKeyBytes:], string(sealed[:publicKeyBytes]))
	if err != nil {
		return nil, fmt.Errorf("open: %w", errUnsealed)
	}
	return plaintext, nil
}
