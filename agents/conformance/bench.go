package conformance

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
)

// Bench is a bus with nobody on it but the vendor that is tried and those who try it.
type Bench struct {
	vendor      proto.Identity
	authority   *bus.Authority
	server      *bus.Server
	credentials map[proto.Identity]bus.Credentials
	violations  *violations
}

// Those who try the vendor. The stranger is one who was revoked.
var (
	broker   = proto.Agent(proto.RoleBroker)
	deployer = proto.Agent(proto.RoleDeployer)
	client   = proto.Identity{Role: proto.RoleClient, Name: "conformance"}
	stranger = proto.Identity{Role: proto.RoleClient, Name: "stranger"}
)

// BenchOptions say how to set up a bench.
type BenchOptions struct {
	// Directory for the bench's keys and streams. It must be used by nothing else.
	Directory string
	// Vendor is the name of the vendor to try.
	Vendor string
	// Host and Port to listen on; 127.0.0.1 and any free port by default.
	Host string
	Port int
	// Log of the bus; nothing is logged by default.
	Log *zap.Logger
}

// OpenBench starts a bench, which serves until Close.
func OpenBench(ctx context.Context, options BenchOptions) (*Bench, error) {
	if err := proto.CheckName(options.Vendor); err != nil {
		return nil, fmt.Errorf("open bench: %w", err)
	}
	bench := &Bench{vendor: proto.Vendor(options.Vendor), credentials: map[proto.Identity]bus.Credentials{}, violations: &violations{}}
	var err error
	if bench.authority, err = bus.OpenAuthority(filepath.Join(options.Directory, "authority")); err != nil {
		return nil, err
	}
	for _, identity := range []proto.Identity{broker, deployer, client, stranger, bench.vendor} {
		if bench.credentials[identity], err = bench.authority.Enrol(identity); err != nil {
			return nil, err
		}
	}
	if err := bench.authority.Revoke(stranger); err != nil {
		return nil, err
	}
	log := options.Log
	if log == nil {
		log = zap.NewNop()
	}
	bench.server, err = bus.StartServer(ctx, bus.ServerOptions{
		Authority: bench.authority, Directory: filepath.Join(options.Directory, "bus"), Host: options.Host, Port: options.Port,
		Log: log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return zapcore.NewTee(core, bench.violations) })),
	})
	if err != nil {
		return nil, err
	}
	register, err := bench.authority.Register()
	if err != nil {
		return nil, errors.Join(err, bench.Close())
	}
	for identity, credentials := range bench.credentials {
		credentials.Register, credentials.URL = register, bench.server.URL()
		bench.credentials[identity] = credentials
	}
	return bench, nil
}

// Credentials are the vendor's, with which its agent comes to the bench.
func (b *Bench) Credentials() bus.Credentials { return b.credentials[b.vendor] }

// URL is where the bench's bus is.
func (b *Bench) URL() string { return b.server.URL() }

// Close ends the bus. It may be called twice.
func (b *Bench) Close() error { return b.server.Close() }

// violations is a log core that keeps what the server says of attempts at what an agent may not do. On a bench only the
// vendor makes any.
type violations struct {
	mutex sync.Mutex
	seen  []string
}

// Enabled implements zapcore.Core.
func (v *violations) Enabled(level zapcore.Level) bool { return level >= zapcore.ErrorLevel }

// With implements zapcore.Core.
func (v *violations) With([]zapcore.Field) zapcore.Core { return v }

// Check implements zapcore.Core.
func (v *violations) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if v.Enabled(entry.Level) {
		return checked.AddCore(entry, v)
	}
	return checked
}

// Write implements zapcore.Core.
func (v *violations) Write(entry zapcore.Entry, _ []zapcore.Field) error {
	before, what, found := strings.Cut(entry.Message, " Violation - ")
	if !found {
		return nil
	}
	kind := before[strings.LastIndex(before, " ")+1:]
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.seen = append(v.seen, kind+" "+what)
	return nil
}

// Sync implements zapcore.Core.
func (v *violations) Sync() error { return nil }

func (v *violations) list() []string {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return append([]string(nil), v.seen...)
}
