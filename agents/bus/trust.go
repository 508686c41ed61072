package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
)

// renewInterval is the least time between two questions for a newer register.
const renewInterval = time.Second

// renewal keeps a flood of unknown senders from becoming a flood of questions to the broker.
type renewal struct {
	mutex sync.Mutex
	last  time.Time
}

// Register is the newest register seen.
func (p *Peer) Register() proto.Register { return p.verifier.Register() }

// SignedRegister is the newest register seen, as the broker answers TopicRegister with.
func (p *Peer) SignedRegister() proto.SignedRegister { return p.verifier.SignedRegister() }

// UpdateRegister takes a newer register that reached the agent by another way than the bus. An older one is
// proto.ErrOldRegister.
func (p *Peer) UpdateRegister(signed proto.SignedRegister) error {
	updated, err := p.verifier.Update(signed)
	p.updated(updated)
	return err
}

// updateTrust is UpdateRegister with what the authority in this process has opened. That of one restored from a copy is
// older, and left.
func (p *Peer) updateTrust(trust *proto.Trust) error {
	updated, err := p.verifier.UpdateTrust(trust)
	p.updated(updated)
	if errors.Is(err, proto.ErrOldRegister) {
		return nil
	}
	return err
}

func (p *Peer) updated(updated bool) {
	if updated {
		p.log.Info("newer register", zap.Uint64("version", p.verifier.Register().Version))
	}
}

// onRegister takes a register that was announced. Whoever sent it, the account's signature decides.
func (p *Peer) onRegister(message *nats.Msg) {
	var signed proto.SignedRegister
	err := json.Unmarshal(message.Data, &signed)
	if err == nil {
		err = p.takeRegister(signed)
	}
	if err != nil && !errors.Is(err, proto.ErrOldRegister) {
		p.log.Warn("announced register refused", zap.Error(err))
	}
}

// takeRegister takes a register, as the authority in this process has opened it if that is the same.
func (p *Peer) takeRegister(signed proto.SignedRegister) error {
	if p.authority != nil {
		if trust, err := p.authority.trust(); err == nil && trust.Signed() == signed {
			return p.updateTrust(trust)
		}
	}
	return p.UpdateRegister(signed)
}

// verified verifies, and once more if the sender is not known or has another key and the broker has a newer register.
func (p *Peer) verified(ctx context.Context, verify func() (proto.Message, error)) (proto.Message, error) {
	message, err := verify()
	if errors.Is(err, proto.ErrUnknownSender) || errors.Is(err, proto.ErrSignature) {
		if p.renewRegister(ctx) {
			return verify()
		}
	}
	return message, err
}

// renewRegister asks for the newest register, the authority if it is in this process, else the broker, and says whether
// there is a newer one now than before the call. It asks at most once per renewInterval, and others wait for the question
// under way. A broker in another process than the authority has only what is announced.
func (p *Peer) renewRegister(ctx context.Context) bool {
	before := p.Register().Version
	p.renewal.mutex.Lock()
	defer p.renewal.mutex.Unlock()
	if p.Register().Version > before {
		return true
	}
	if time.Since(p.renewal.last) < renewInterval {
		return false
	}
	p.renewal.last = time.Now()
	var err error
	switch {
	case p.authority != nil:
		err = p.askAuthority()
	case p.identity.Role != proto.RoleBroker:
		err = p.askBroker(ctx)
	}
	if err != nil {
		p.log.Debug("no newer register", zap.Error(err))
	}
	return p.Register().Version > before
}

// newVerifier trusts the newer one of the register in the credentials and, if the authority is in this process, its own.
func (p *Peer) newVerifier(register proto.SignedRegister) (*proto.Verifier, error) {
	if p.authority == nil {
		return proto.NewVerifier(p.identity, p.account, register, p.now)
	}
	trust, err := p.authority.trust()
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	if trust.Account() == p.account && trust.Signed() == register {
		return proto.NewTrustingVerifier(p.identity, trust, p.now), nil
	}
	verifier, err := proto.NewVerifier(p.identity, p.account, register, p.now)
	if err == nil {
		_, err = verifier.UpdateTrust(trust)
	}
	if errors.Is(err, proto.ErrOldRegister) {
		err = nil // of an authority restored from a copy
	}
	return verifier, err
}

func (p *Peer) askAuthority() error {
	trust, err := p.authority.trust()
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	return p.updateTrust(trust)
}

// askBroker takes the answer on the account's signature alone: the broker's own key may be what has changed.
func (p *Peer) askBroker(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, renewInterval)
	defer cancel()
	question := proto.Message{
		Performative: proto.QueryRef, Protocol: proto.QueryProtocol, Receiver: proto.Agent(proto.RoleBroker),
	}
	if err := proto.Encode(&question, proto.Question{Topic: proto.TopicRegister}); err != nil {
		return err
	}
	question = p.complete(ctx, question)
	headers, err := question.Seal(p.signer)
	if err != nil {
		return err
	}
	raw, err := p.exchange(ctx, &nats.Msg{Subject: proto.SubjectBrokerQuery, Header: headers, Data: question.Body})
	if err != nil {
		return err
	}
	answer, err := proto.Open(raw.Header, raw.Data)
	if err != nil {
		return err
	}
	signed, err := proto.Decode[proto.SignedRegister](answer)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	return p.UpdateRegister(signed)
}
