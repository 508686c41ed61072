package ptc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/keeper"
	"github.com/cloud-agency/agency/vendormodules/ptc/loopback"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

const kindName = "ptc"

// Kind is the module's kind.
func Kind() vendormodules.Kind {
	return vendormodules.Kind{
		Name: kindName,
		Check: func(node *yaml.Node) error {
			_, err := configure(node)
			return err
		},
		New: func(ctx context.Context, node *yaml.Node, environment vendormodules.Environment) (vendormodules.Module, error) {
			return New(ctx, node, environment)
		},
	}
}

var (
	_ vendormodules.Module   = (*Module)(nil)
	_ vendormodules.Power    = (*Module)(nil)
	_ vendormodules.Attacher = (*Module)(nil)
	_ vendormodules.Balancer = (*Module)(nil)
	_ vendormodules.Meter    = (*Module)(nil)
	_ vendormodules.Console  = (*Module)(nil)
	_ vendormodules.Executor = (*Module)(nil)
	_ vendormodules.Files    = (*Module)(nil)
)

// Module is the testbed that lies in one directory. Only one at a time may have the directory open.
type Module struct {
	configuration configuration
	environment   vendormodules.Environment
	capacity      vendormodules.Usage
	directory     string
	claim         *loopback.Claim
	ledger        *ledger
	launcher      keeper.Launcher
	programs      programs
	locks         locks
	usage         usage

	// open is held for reading by every call, for writing by Close.
	open   sync.RWMutex
	closed bool
	lock   *os.File
}

// New opens the testbed in the environment's directory and makes it if there is none. Machines that are there are found
// again as they are; nothing is started or stopped, except what a keeper that was killed has left.
func New(ctx context.Context, node *yaml.Node, environment vendormodules.Environment) (*Module, error) {
	configuration, err := configure(node)
	if err != nil {
		return nil, err
	}
	directory, err := filepath.Abs(environment.Directory)
	if err != nil {
		return nil, fmt.Errorf("ptc: %w", err)
	}
	environment.Log = cmp.Or(environment.Log, zap.NewNop())
	if environment.Now == nil {
		environment.Now = time.Now
	}
	m := &Module{configuration: configuration, environment: environment, directory: directory}
	m.programs.directory = filepath.Join(directory, "programs")
	m.programs.source = environment.Program
	if err := m.adopt(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("ptc: open %s: %w", directory, err), m.Close())
	}
	return m, nil
}

// adopt takes over whatever the directory holds.
func (m *Module) adopt(ctx context.Context) error {
	for _, directory := range []string{m.resources(), m.programs.directory} {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return err
		}
	}
	var err error
	if m.capacity, err = findCapacity(m.configuration.Capacity, m.directory); err != nil {
		return err
	}
	err = patiently(ctx, unix.EWOULDBLOCK, func() (err error) {
		m.lock, err = lockFile(filepath.Join(m.directory, "lock"))
		return err
	})
	if err != nil {
		return err
	}
	if err := m.sweepHalves(); err != nil {
		return err
	}
	records, err := m.records()
	if err != nil {
		return err
	}
	err = patiently(ctx, loopback.ErrTaken, func() (err error) {
		m.claim, err = m.claimBlock(ctx, len(records) > 0)
		return err
	})
	if err != nil {
		return err
	}
	if m.ledger, err = newLedger(m.claim.Block, records); err != nil {
		return err
	}
	used := map[string]bool{}
	for _, one := range records {
		used[one.Program] = true
		if err := m.settleVolumes(one); err != nil {
			return fmt.Errorf("resource %s: %w", one.Key, err)
		}
		if _, err := m.look(m.at(one.Key)); err != nil {
			return fmt.Errorf("resource %s: %w", one.Key, err)
		}
	}
	return m.programs.sweep(used)
}

// A process that the agency was just starting when it was killed holds what the agency held for an instant longer:
// patience is how long that may be.
const patience, retryEvery = time.Second, 10 * time.Millisecond

// patiently tries again for a while what fails because something is held.
func patiently(ctx context.Context, held error, try func() error) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	ticker := time.NewTicker(retryEvery)
	defer ticker.Stop()
	for {
		err := try()
		if !errors.Is(err, held) {
			return err
		}
		select {
		case <-ticker.C:
		case <-limit.C:
			return err
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// lockFile takes the module's lock on its directory.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another agency has it open: %w", err), file.Close())
	}
	return file, nil
}

// claimBlock claims the addresses. An instance that has resources needs those that it had.
func (m *Module) claimBlock(ctx context.Context, occupied bool) (*loopback.Claim, error) {
	path := filepath.Join(m.directory, "block.json")
	if content, err := os.ReadFile(path); err == nil {
		var block netip.Prefix
		if err := json.Unmarshal(content, &block); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		claim, err := loopback.Retake(ctx, block)
		if occupied && errors.Is(err, loopback.ErrTaken) {
			return nil, fmt.Errorf("the addresses %s of the machines here were taken while the agency was away "+
				"(find who listens at port %d there by: ss -ltnp; end it, and start again): %w", block, loopback.ClaimPort, err)
		}
		if err == nil || occupied {
			return claim, err
		}
	} else if occupied || !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	claim, err := loopback.Find(ctx, m.environment.Agency+"/"+m.environment.Vendor+"/"+m.directory)
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal(claim.Block)
	if err == nil {
		err = record.WriteFile(path, content)
	}
	if err != nil {
		return nil, errors.Join(err, claim.Close())
	}
	return claim, nil
}

// Close implements vendormodules.Module. Machines run on.
func (m *Module) Close() error {
	m.open.Lock()
	defer m.open.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	m.launcher.Reap()
	var all error
	if m.claim != nil {
		all = m.claim.Close()
	}
	if m.lock != nil {
		// Not by closing alone: a process that is just being started may have the file too, for an instant.
		all = errors.Join(all, unix.Flock(int(m.lock.Fd()), unix.LOCK_UN), m.lock.Close())
	}
	return all
}

var errClosed = errors.New("the module is closed")

// begin lets a call in, as long as the module is open and the context has not ended. The call ends with end.
func (m *Module) begin(ctx context.Context) (end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.open.RLock()
	if m.closed {
		m.open.RUnlock()
		return nil, errClosed
	}
	m.launcher.Reap()
	return m.open.RUnlock, nil
}

func (m *Module) resources() string { return filepath.Join(m.directory, "resources") }

// at is the directory of a resource.
func (m *Module) at(id string) record.Directory {
	return record.Directory(filepath.Join(m.resources(), id))
}

// locks gives one call at a time a resource.
type locks struct {
	mu   sync.Mutex
	held map[string]*keyLock
}

// keyLock is a lock whose waiters are counted; its channel holds one token while it is free.
type keyLock struct {
	token   chan struct{}
	waiters int
}

func (l *locks) acquire(ctx context.Context, key string) (release func(), err error) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*keyLock{}
	}
	lock := l.held[key]
	if lock == nil {
		lock = &keyLock{token: make(chan struct{}, 1)}
		lock.token <- struct{}{}
		l.held[key] = lock
	}
	lock.waiters++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if lock.waiters--; lock.waiters == 0 {
			delete(l.held, key)
		}
	}
	select {
	case <-lock.token:
		return func() { lock.token <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
