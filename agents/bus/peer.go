package bus

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

var (
	// ErrAbsent is returned at once when nobody listens where an agent would be asked.
	ErrAbsent = errors.New("nobody is there")
	// ErrDisconnected is returned when the connection to the server is down, or went down before an answer came: then
	// whether the request arrived is not known.
	ErrDisconnected = errors.New("not connected to the bus")
	// ErrForbidden is returned when the server does not let this agent do that.
	ErrForbidden = errors.New("not allowed on the bus")
	// ErrClosed is returned by what a closed Peer is asked to do.
	ErrClosed = errors.New("peer is closed")
)

// defaultPatience bounds what is asked with a context that has no deadline.
const defaultPatience = 30 * time.Second

// AnswerLifetime is how long an answer is good for by the clock of the one who answers.
const AnswerLifetime = 30 * time.Second

// Options say how to connect an agent.
type Options struct {
	// Server in this process, or URL of a server elsewhere, or neither for the URL in the credentials.
	Server *Server
	URL    string
	// Wait makes Connect return without a connection, to be made as soon as the server is there.
	Wait        bool
	Credentials Credentials
	Log         *zap.Logger
	// Now is the clock by which messages expire; by default time.Now.
	Now func() time.Time
}

// Peer is one agent's connection to the bus. Safe for use by many goroutines.
type Peer struct {
	identity   proto.Identity
	account    string
	signer     signer
	sealing    services.SealingKey
	sealingKey string
	verifier   *proto.Verifier
	connection *nats.Conn
	answers    *mailbox
	logs       *logQueue
	log        *zap.Logger
	now        func() time.Time

	// authority is in this process, or nil.
	authority *Authority
	refusals  refusalLimit
	renewal   renewal

	closing sync.Once
	closed  atomic.Bool
	// gone is closed once the connection is closed for good.
	gone chan struct{}
}

// signer signs with a private key that is derived from the seed once, not at every signature.
type signer struct{ key ed25519.PrivateKey }

// Sign implements proto.Signer.
func (s signer) Sign(text []byte) ([]byte, error) { return ed25519.Sign(s.key, text), nil }

func newSigner(seed services.Secret) (signer, error) {
	prefix, raw, err := nkeys.DecodeSeed([]byte(seed.Reveal()))
	if err != nil || prefix != nkeys.PrefixByteUser {
		return signer{}, errors.New("credentials hold no seed of a user")
	}
	return signer{ed25519.NewKeyFromSeed(raw)}, nil
}

// Connect opens an agent's connection. It stays open, and is opened again whenever it breaks, until Close.
func Connect(ctx context.Context, options Options) (*Peer, error) {
	peer, err := newPeer(options)
	if err != nil {
		return nil, fmt.Errorf("connect %s: %w", options.Credentials.Identity, err)
	}
	if err := peer.dial(ctx, options); err != nil {
		return nil, fmt.Errorf("connect %s: %w", options.Credentials.Identity, err)
	}
	if err := peer.start(ctx, options); err != nil {
		return nil, errors.Join(fmt.Errorf("connect %s: %w", options.Credentials.Identity, err), peer.Close())
	}
	return peer, nil
}

func newPeer(options Options) (*Peer, error) {
	credentials := options.Credentials
	peer := &Peer{
		identity: credentials.Identity, account: credentials.Account, log: options.Log, now: options.Now,
		gone: make(chan struct{}),
	}
	if peer.log == nil {
		peer.log = zap.NewNop()
	}
	if peer.now == nil {
		peer.now = time.Now
	}
	var err error
	if peer.signer, err = newSigner(credentials.Seed); err != nil {
		return nil, err
	}
	if peer.sealing, err = services.ParseSealingKey(credentials.Sealing); err != nil {
		return nil, err
	}
	if peer.sealingKey, err = peer.sealing.Public(); err != nil {
		return nil, err
	}
	if options.Server != nil {
		peer.authority = options.Server.authority
	}
	if peer.verifier, err = peer.newVerifier(credentials.Register); err != nil {
		return nil, err
	}
	peer.answers = newMailbox(inboxPrefix(peer.identity))
	return peer, nil
}

func (p *Peer) dial(ctx context.Context, options Options) (err error) {
	settings := []nats.Option{
		nats.Name(p.identity.String()),
		nats.UserJWT(func() (string, error) { return options.Credentials.JWT, nil }, signNonce(p.signer)),
		nats.CustomInboxPrefix(inboxPrefix(p.identity)),
		nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		// What cannot be sent now is refused now: the sender's record, not a buffer, remembers to send it.
		nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(options.Wait),
		nats.ErrorHandler(p.onError),
		nats.DisconnectErrHandler(p.onDisconnect),
		nats.ReconnectHandler(func(*nats.Conn) { p.log.Info("connected to the bus again") }),
		nats.ClosedHandler(func(*nats.Conn) { close(p.gone) }),
	}
	url := options.URL
	switch {
	case options.Server != nil:
		settings = append(settings, nats.InProcessServer(options.Server))
		url = ""
	case url == "":
		url = options.Credentials.URL
	}
	if options.Server == nil {
		// A server that stands still is found out after 1.5 s.
		settings = append(settings, nats.PingInterval(500*time.Millisecond), nats.MaxPingsOutstanding(2))
	}
	if deadline, bounded := ctx.Deadline(); bounded {
		settings = append(settings, nats.Timeout(max(time.Until(deadline), time.Millisecond)))
	}
	if p.connection, err = nats.Connect(url, settings...); err != nil {
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	return nil
}

func (p *Peer) start(ctx context.Context, options Options) error {
	if _, err := p.connection.Subscribe(p.answers.subject(), p.answers.deliver); err != nil {
		return fmt.Errorf("subscribe to answers: %w", err)
	}
	if _, err := p.connection.Subscribe(proto.SubjectRegister, p.onRegister); err != nil {
		return fmt.Errorf("subscribe to registers: %w", err)
	}
	p.logs = startLogQueue(p)
	if options.Wait {
		return nil
	}
	return flush(ctx, p.connection)
}

// Identity is who the peer is.
func (p *Peer) Identity() proto.Identity { return p.identity }

// Agency is the agency's id.
func (p *Peer) Agency() string { return p.verifier.Register().Agency }

// Close sends what is still to be sent and closes the connection. It may be called twice.
func (p *Peer) Close() error {
	p.closing.Do(func() {
		p.closed.Store(true)
		if p.logs != nil {
			p.logs.close()
		}
		if p.connection.IsConnected() {
			if err := p.connection.FlushTimeout(time.Second); err != nil {
				p.log.Warn("what was sent last may be lost", zap.Error(err))
			}
		}
		p.connection.Close()
		<-p.gone
		p.answers.fail(ErrClosed)
	})
	return nil
}

func (p *Peer) onDisconnect(_ *nats.Conn, err error) {
	if !p.closed.Load() {
		p.log.Warn("connection to the bus lost", zap.Error(err))
	}
	p.answers.fail(ErrDisconnected)
}

func (p *Peer) onError(_ *nats.Conn, subscription *nats.Subscription, err error) {
	if errors.Is(err, nats.ErrPermissionViolation) {
		p.answers.forbid(err)
	}
	subject := ""
	if subscription != nil {
		subject = subscription.Subject
	}
	p.log.Warn("bus", zap.String("subject", subject), zap.Error(err))
}
