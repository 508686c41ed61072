package bus

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Authority owns the keys of an agency: the NATS operator, the account in which all agents live, and the system account.
// It enrols agents and keeps the register of them. Its directory may be shared by several processes on one machine, of
// which each sees the others' changes. Safe for use by many goroutines.
type Authority struct {
	directory                 string
	operator, account, system nkeys.KeyPair

	mutex sync.Mutex
	state authorityState
}

// authorityState is what the authority's file holds.
type authorityState struct {
	Register proto.SignedRegister `json:"register"`
	// RevokedKeys are the users that the server must no longer admit, with since when.
	RevokedKeys map[string]time.Time `json:"revoked-keys,omitempty"`

	register proto.Register
	// content is the file that all of this was read from or written to, trust the register with its keys, once somebody
	// has asked for them.
	content []byte
	trust   *proto.Trust
}

// OpenAuthority loads the keys and the register from a directory, or makes them there. A key file that others can read is
// ErrExposed.
func OpenAuthority(directory string) (*Authority, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("open authority: %w", err)
	}
	authority := &Authority{directory: directory}
	err := authority.locked(func() (err error) {
		if authority.operator, err = loadKey(filepath.Join(directory, "operator.nk"), nkeys.CreateOperator); err != nil {
			return err
		}
		if authority.account, err = loadKey(filepath.Join(directory, "account.nk"), nkeys.CreateAccount); err != nil {
			return err
		}
		if authority.system, err = loadKey(filepath.Join(directory, "system.nk"), nkeys.CreateAccount); err != nil {
			return err
		}
		if err = authority.load(); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		first := proto.Register{Version: 1, Agency: newAgencyID(), Entries: map[string]proto.Entry{}}
		return authority.store(authorityState{register: first})
	})
	if err != nil {
		return nil, fmt.Errorf("open authority %s: %w", directory, err)
	}
	return authority, nil
}

// newAgencyID is short and in lower case, so that every cloud takes it as a tag.
func newAgencyID() string { return strings.ToLower(ulid.MustNew(ulid.Now(), rand.Reader).String()) }

// Agency is the agency's id.
func (a *Authority) Agency() string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.state.register.Agency
}

// Account is the public nkey of the account, which signs the register.
func (a *Authority) Account() string { return publicKey(a.account) }

// Register is the register as it stands, also if another process changed it.
func (a *Authority) Register() (proto.SignedRegister, error) {
	var signed proto.SignedRegister
	err := a.locked(func() error {
		err := a.load()
		signed = a.state.Register
		return err
	})
	return signed, err
}

// trust is the register as it stands, opened once for all agents of the process.
func (a *Authority) trust() (trust *proto.Trust, err error) {
	err = a.locked(func() error {
		if err := a.load(); err != nil {
			return err
		}
		if a.state.trust == nil {
			if a.state.trust, err = proto.NewTrust(a.Account(), a.state.Register); err != nil {
				return err
			}
		}
		trust = a.state.trust
		return nil
	})
	return trust, err
}

// Enrol makes the credentials of an agent and enters it in the register. One that is there already gets new keys, and its
// old ones are revoked.
func (a *Authority) Enrol(identity proto.Identity) (Credentials, error) {
	if _, err := proto.ParseIdentity(identity.String()); err != nil {
		return Credentials{}, fmt.Errorf("enrol: %w", err)
	}
	credentials, entry, err := a.issue(identity)
	if err != nil {
		return Credentials{}, fmt.Errorf("enrol %s: %w", identity, err)
	}
	err = a.change(func(next *authorityState) error {
		if former, enrolled := next.register.Entries[identity.String()]; enrolled {
			entry.Former = append(slices.Clone(former.Former), former.Key)
			next.RevokedKeys[former.Key] = entry.Since
		}
		next.register.Entries[identity.String()] = entry
		return nil
	})
	if err != nil {
		return Credentials{}, fmt.Errorf("enrol %s: %w", identity, err)
	}
	credentials.Agency = a.Agency()
	credentials.Register, err = a.Register()
	return credentials, err
}

// ErrNotEnrolled is returned when an agent is to be revoked that is not in the register.
var ErrNotEnrolled = errors.New("agent is not enrolled")

// Revoke takes the right to act from an agent. The server admits it no more once Announce, Provision or StartServer was
// called after it.
func (a *Authority) Revoke(identity proto.Identity) error {
	err := a.change(func(next *authorityState) error {
		entry, enrolled := next.register.Entries[identity.String()]
		if !enrolled || !entry.Revoked.IsZero() {
			return ErrNotEnrolled
		}
		entry.Revoked = time.Now().UTC().Truncate(time.Second)
		next.RevokedKeys[entry.Key] = entry.Revoked
		next.register.Entries[identity.String()] = entry
		return nil
	})
	if err != nil {
		return fmt.Errorf("revoke %s: %w", identity, err)
	}
	return nil
}

// EnsureCredentials loads an agent's credentials from a file, or enrols the agent and writes them there. Credentials
// that the register no longer holds are replaced.
func (a *Authority) EnsureCredentials(identity proto.Identity, path string) (Credentials, error) {
	credentials, err := LoadCredentials(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Credentials{}, err
	}
	if err == nil && credentials.Identity == identity && a.knows(credentials) {
		credentials.Register, err = a.Register()
		return credentials, err
	}
	if credentials, err = a.Enrol(identity); err != nil {
		return Credentials{}, err
	}
	return credentials, credentials.Save(path)
}

func (a *Authority) knows(credentials Credentials) bool {
	user, err := nkeys.FromSeed([]byte(credentials.Seed.Reveal()))
	if err != nil || credentials.Account != a.Account() {
		return false
	}
	if _, err := a.Register(); err != nil {
		return false
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	entry, enrolled := a.state.register.Entry(credentials.Identity)
	return enrolled && entry.Key == publicKey(user)
}

// issue makes the keys and the user JWT of an agent.
func (a *Authority) issue(identity proto.Identity) (Credentials, proto.Entry, error) {
	user, err := nkeys.CreateUser()
	if err != nil {
		return Credentials{}, proto.Entry{}, err
	}
	seed, err := user.Seed()
	if err != nil {
		return Credentials{}, proto.Entry{}, err
	}
	sealing, err := nkeys.CreateCurveKeys()
	if err != nil {
		return Credentials{}, proto.Entry{}, err
	}
	sealingSeed, err := sealing.Seed()
	if err != nil {
		return Credentials{}, proto.Entry{}, err
	}
	claims := jwt.NewUserClaims(publicKey(user))
	claims.Name = identity.String()
	claims.Permissions = rightsOf(identity).permissions()
	token, err := claims.Encode(a.account)
	if err != nil {
		return Credentials{}, proto.Entry{}, err
	}
	entry := proto.Entry{
		Key: publicKey(user), Sealing: publicKey(sealing), Since: time.Now().UTC().Truncate(time.Second),
	}
	return Credentials{
		Identity: identity, JWT: token, Seed: services.NewSecret(string(seed)),
		Sealing: services.NewSecret(string(sealingSeed)), Account: a.Account(),
	}, entry, nil
}

// change makes a new version of the register, signed and written before it counts.
func (a *Authority) change(edit func(*authorityState) error) error {
	return a.locked(func() error {
		if err := a.load(); err != nil {
			return err
		}
		next := authorityState{register: a.state.register, RevokedKeys: maps.Clone(a.state.RevokedKeys)}
		next.register.Entries = maps.Clone(next.register.Entries)
		if next.RevokedKeys == nil {
			next.RevokedKeys = make(map[string]time.Time)
		}
		next.register.Version++
		if err := edit(&next); err != nil {
			return err
		}
		return a.store(next)
	})
}

func (a *Authority) stateFile() string { return filepath.Join(a.directory, "register.json") }

func (a *Authority) load() error {
	content, err := readPrivate(a.stateFile())
	if err != nil {
		return err
	}
	if bytes.Equal(content, a.state.content) {
		return nil
	}
	state := authorityState{content: content}
	if err := json.Unmarshal(content, &state); err != nil {
		return fmt.Errorf("%s: %w", a.stateFile(), err)
	}
	if state.register, err = state.Register.Open(a.Account()); err != nil {
		return fmt.Errorf("%s: %w", a.stateFile(), err)
	}
	a.state = state
	return nil
}

func (a *Authority) store(next authorityState) (err error) {
	if next.Register, err = next.register.Sign(a.account); err != nil {
		return err
	}
	content, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := writePrivate(a.stateFile(), content); err != nil {
		return err
	}
	next.content = content
	a.state = next
	return nil
}

// locked keeps other goroutines and, by a lock on a file, other processes out while work runs.
func (a *Authority) locked(work func() error) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	file, err := os.OpenFile(filepath.Join(a.directory, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // lets go of the lock
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	return work()
}

// loadKey reads the seed of a key pair from a file, or makes one and writes it there.
func loadKey(path string, create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, error) {
	seed, err := readPrivate(path)
	if err == nil {
		return nkeys.FromSeed(seed)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	pair, err := create()
	if err != nil {
		return nil, err
	}
	if seed, err = pair.Seed(); err != nil {
		return nil, err
	}
	return pair, writePrivate(path, seed)
}

// publicKey is the public half of a pair that has a private one, of which it cannot fail.
func publicKey(pair nkeys.KeyPair) string {
	public, err := pair.PublicKey()
	if err != nil {
		return ""
	}
	return public
}
