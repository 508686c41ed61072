package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// maxPayload has room for the largest body and its headers.
const maxPayload = 1<<20 + 1<<16

// ServerOptions say how to run the embedded server.
type ServerOptions struct {
	Authority *Authority
	// Directory of the streams.
	Directory string
	// Host to listen on; by default 127.0.0.1.
	Host string
	// Port to listen on; 0 for any that is free.
	Port int
	Log  *zap.Logger
}

// Server is a NATS server with JetStream inside this process.
type Server struct {
	authority *Authority
	nats      *server.Server
	closing   sync.Once
}

// StartServer runs a server that admits the agents of the authority, with the streams and the buckets of those enrolled
// so far. It serves when StartServer returns, until Close.
func StartServer(ctx context.Context, options ServerOptions) (*Server, error) {
	settings, err := serverSettings(options)
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	nats, err := server.NewServer(settings)
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	log := options.Log
	if log == nil {
		log = zap.NewNop()
	}
	nats.SetLogger(serverLog{log.Named("nats").Sugar()}, false, false)
	// Start returns once it listens; in a goroutine, readiness could only be polled for.
	nats.Start()
	started := &Server{authority: options.Authority, nats: nats}
	if err := started.check(); err != nil {
		return nil, errors.Join(err, started.Close())
	}
	if err := started.Provision(ctx); err != nil {
		return nil, errors.Join(err, started.Close())
	}
	return started, nil
}

// check says why the server does not serve. Whatever keeps it from listening it only logs.
func (s *Server) check() error {
	if s.nats.Addr() == nil {
		return errors.New("start server: cannot listen; is the port taken?")
	}
	if !s.nats.JetStreamEnabled() {
		return errors.New("start server: no JetStream; is the directory writable and used by no other server?")
	}
	return nil
}

func serverSettings(options ServerOptions) (*server.Options, error) {
	claims, err := options.Authority.claims()
	if err != nil {
		return nil, err
	}
	resolver := &server.MemAccResolver{}
	for account, token := range claims.accounts {
		if err := resolver.Store(account, token); err != nil {
			return nil, err
		}
	}
	settings := &server.Options{
		ServerName: "agency-" + options.Authority.Agency(),
		Host:       options.Host,
		Port:       options.Port,
		NoSigs:     true, // signals are the program's business
		MaxPayload: maxPayload,
		JetStream:  true,
		StoreDir:   filepath.Clean(options.Directory),
		// The bounds are those of the streams. A bound of the whole would be reserved bucket by bucket, and used up by a
		// number of vendors that hardly store anything.
		JetStreamMaxStore: 1 << 50,
		TrustedOperators:  []*jwt.OperatorClaims{claims.operator},
		AccountResolver:   resolver,
		SystemAccount:     publicKey(options.Authority.system),
		// A client that stands still is given up after 6 s, from when on it is known to be absent.
		PingInterval: 2 * time.Second,
		MaxPingsOut:  2,
	}
	if settings.Host == "" {
		settings.Host = "127.0.0.1"
	}
	if settings.Port == 0 {
		settings.Port = server.RANDOM_PORT
	}
	return settings, nil
}

// URL is where clients reach the server.
func (s *Server) URL() string {
	address, listening := s.nats.Addr().(*net.TCPAddr)
	if !listening {
		return ""
	}
	return "nats://" + net.JoinHostPort(address.IP.String(), strconv.Itoa(address.Port))
}

// Provision brings the server up to the authority's register: streams and buckets are there, the revoked are cut off, and
// every agent hears the newest register. Call it after Enrol and Revoke.
func (s *Server) Provision(ctx context.Context) error {
	return provision(ctx, s.authority, func(user adminUser) dialer { return user.inProcess(s.nats) })
}

// InProcessConn opens a connection without a socket, for clients in this process.
func (s *Server) InProcessConn() (net.Conn, error) { return s.nats.InProcessConn() }

// Close tells clients to go elsewhere, writes the streams to disk and stops. It may be called twice.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
	})
	return nil
}

// serverLog hands the server's log to zap. Its notices are of interest to nobody who did not ask for details.
type serverLog struct{ log *zap.SugaredLogger }

func (l serverLog) Noticef(format string, arguments ...any) { l.log.Debugf(format, arguments...) }
func (l serverLog) Warnf(format string, arguments ...any)   { l.log.Warnf(format, arguments...) }
func (l serverLog) Fatalf(format string, arguments ...any)  { l.log.Errorf(format, arguments...) }
func (l serverLog) Errorf(format string, arguments ...any)  { l.log.Errorf(format, arguments...) }
func (l serverLog) Debugf(string, ...any)                   {}
func (l serverLog) Tracef(string, ...any)                   {}
