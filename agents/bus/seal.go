package bus

import (
	"errors"
	"fmt"

	"github.com/nats-io/nkeys"
)

// ErrNotSealedToMe is returned for what this agent's key does not open.
var ErrNotSealedToMe = errors.New("not sealed to this agent, or altered")

// curveKeyLength is the length of a public curve nkey as text.
const curveKeyLength = 56

// SealTo encrypts a text so that only the holder of the curve nkey with that public half can read it: the public half of
// a key made for the purpose, in 56 characters, then the box that nkeys makes with it. Who sealed it, it does not say;
// the message that carries it does.
func SealTo(recipient string, plaintext []byte) ([]byte, error) {
	once, err := nkeys.CreateCurveKeys()
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	defer once.Wipe()
	box, err := once.Seal(plaintext, recipient)
	if err != nil {
		return nil, fmt.Errorf("seal to %q: %w", recipient, err)
	}
	return append([]byte(publicKey(once)), box...), nil
}

// Unseal decrypts what was sealed to this agent; ErrNotSealedToMe for anything else.
func (p *Peer) Unseal(sealed []byte) ([]byte, error) {
	if len(sealed) < curveKeyLength {
		return nil, ErrNotSealedToMe
	}
	plaintext, err := p.sealing.Open(sealed[curveKeyLength:], string(sealed[:curveKeyLength]))
	if err != nil {
		return nil, ErrNotSealedToMe // the cause would help nobody but an attacker
	}
	return plaintext, nil
}

// SealingKey is the public curve nkey to which secrets for this agent are sealed.
func (p *Peer) SealingKey() string { return publicKey(p.sealing) }
