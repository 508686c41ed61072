package services

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// vaultPrefix is that of a Vault's keys in its store.
const vaultPrefix = "credentials."

// Vault keeps credentials in a store, sealed: a record opens with the vault's key alone, and only where it was put. Its
// methods may be called from several goroutines at once.
type Vault struct {
	records Table[sealed]
	store   Store
	now     func() time.Time

	mutex sync.RWMutex
	key   Key
}

var _ Credentials = (*Vault)(nil)

// Stored says that a credential is there, without its values.
type Stored struct {
	Scope Scope `json:"scope" yaml:"scope"`
	// Fields are the names of its values, sorted.
	Fields  []string  `json:"fields" yaml:"fields"`
	Updated time.Time `json:"updated" yaml:"updated"`
}

// sealed is a credential as the store has it.
type sealed struct {
	// Box is a random nonce and behind it the encoded content, sealed for the record's key in the store.
	Box []byte `json:"box"`
}

// content is what a box holds.
type content struct {
	Fields  map[string]string `json:"fields"`
	Updated time.Time         `json:"updated"`
}

// NewVault returns the vault in a store, below "credentials.".
func NewVault(store Store, key Key, now func() time.Time) *Vault {
	return &Vault{records: NewTable[sealed](store, vaultPrefix, "sealed-credential", 1), store: store, now: now, key: key}
}

// Credential implements Credentials.
func (v *Vault) Credential(ctx context.Context, scope Scope) (Credential, error) {
	scopes, err := scope.widening()
	if err != nil {
		return nil, err
	}
	v.mutex.RLock()
	defer v.mutex.RUnlock()
	for _, wider := range scopes {
		record, _, err := v.records.Get(ctx, wider.id())
		if errors.Is(err, ErrNoKey) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("credential of %s: %w", wider, err)
		}
		opened, err := v.key.open(record.Box, wider.id())
		if err != nil {
			return nil, fmt.Errorf("credential of %s: %w", wider, err)
		}
		return opened.credential(), nil
	}
	return nil, fmt.Errorf("credential of %s: %w", scope, ErrNoCredential)
}

// Set stores a credential for exactly a scope, in the place of the one that is there. An agreement's names its class too.
func (v *Vault) Set(ctx context.Context, scope Scope, credential Credential) error {
	if err := scope.check(); err != nil {
		return err
	}
	fields := make(map[string]string, len(credential))
	for name, value := range credential {
		fields[name] = value.Reveal()
	}
	v.mutex.RLock()
	defer v.mutex.RUnlock()
	box, err := v.key.seal(content{fields, v.now().UTC()}, scope.id())
	if err == nil {
		err = v.store.Commit(ctx, v.records.Overwrite(scope.id(), sealed{box}))
	}
	if err != nil {
		return fmt.Errorf("store credential of %s: %w", scope, err)
	}
	return nil
}

// List says which credentials are there, sorted by scope.
func (v *Vault) List(ctx context.Context) ([]Stored, error) {
	v.mutex.RLock()
	defer v.mutex.RUnlock()
	records, err := v.records.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list credentials: %w", err)
	}
	all := make([]Stored, len(records))
	for i, record := range records {
		opened, err := v.key.open(record.Value.Box, record.ID)
		if err != nil {
			return nil, fmt.Errorf("list credentials: %s: %w", record.ID, err)
		}
		all[i] = Stored{scopeOf(record.ID), slices.Sorted(maps.Keys(opened.Fields)), opened.Updated}
	}
	return all, nil
}

// Remove deletes the credential of exactly a scope, ErrNoCredential if there is none.
func (v *Vault) Remove(ctx context.Context, scope Scope) error {
	if err := scope.check(); err != nil {
		return err
	}
	for {
		_, revision, err := v.records.Get(ctx, scope.id())
		if errors.Is(err, ErrNoKey) {
			return fmt.Errorf("remove credential of %s: %w", scope, ErrNoCredential)
		}
		if err == nil {
			err = v.store.Commit(ctx, v.records.Delete(scope.id(), revision))
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrRevision) {
			return fmt.Errorf("remove credential of %s: %w", scope, err)
		}
	}
}

// Rekey seals every record anew with another key, all or none, and uses that from then on. The new key must be in a file
// already. No other vault may use the store meanwhile. At most MaxChanges records can be rekeyed.
func (v *Vault) Rekey(ctx context.Context, key Key) error {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	records, err := v.records.List(ctx)
	if err != nil {
		return fmt.Errorf("rekey credentials: %w", err)
	}
	changes := make([]Change, len(records))
	for i, record := range records {
		opened, err := v.key.open(record.Value.Box, record.ID)
		if err != nil {
			return fmt.Errorf("rekey credentials: %s: %w", record.ID, err)
		}
		box, err := key.seal(opened, record.ID)
		if err != nil {
			return fmt.Errorf("rekey credentials: %s: %w", record.ID, err)
		}
		changes[i] = v.records.Put(record.ID, sealed{box}, record.Revision)
	}
	if err := v.store.Commit(ctx, changes...); err != nil {
		return fmt.Errorf("rekey credentials: %w", err)
	}
	v.key = key
	return nil
}

func (c content) credential() Credential {
	credential := make(Credential, len(c.Fields))
	for name, value := range c.Fields {
		credential[name] = NewSecret(value)
	}
	return credential
}

// seal encrypts content so that it opens under the same id only.
func (k Key) seal(plain content, id string) ([]byte, error) {
	encoded, err := Encode("credential", 1, plain)
	if err != nil {
		return nil, err
	}
	cipher, err := chacha20poly1305.NewX([]byte(k.bytes.Reveal()))
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, cipher.NonceSize(), cipher.NonceSize()+len(encoded)+cipher.Overhead())
	_, _ = rand.Read(nonce)
	return cipher.Seal(nonce, nonce, encoded, []byte(vaultPrefix+id)), nil
}

// errSealed says no more than it must: what was wrong with a box is nobody's business.
var errSealed = errors.New("does not open with this key, or was put elsewhere or changed")

func (k Key) open(box []byte, id string) (content, error) {
	cipher, err := chacha20poly1305.NewX([]byte(k.bytes.Reveal()))
	if err != nil {
		return content{}, err
	}
	if len(box) < cipher.NonceSize() {
		return content{}, errSealed
	}
	encoded, err := cipher.Open(nil, box[:cipher.NonceSize()], box[cipher.NonceSize():], []byte(vaultPrefix+id))
	if err != nil {
		return content{}, errSealed
	}
	return Decode[content](encoded, "credential", 1)
}

// String names the scope for people.
func (s Scope) String() string {
	named := s.Vendor
	if s.Class != "" {
		named += ", class " + s.Class
	}
	if s.Agreement != "" {
		named += ", agreement " + s.Agreement
	}
	return named
}

// check says what is wrong with a scope to store a credential for.
func (s Scope) check() error {
	if s.Agreement != "" && s.Class == "" {
		return fmt.Errorf("credential scope %s: an agreement's credential is for one class of it; name that too", s)
	}
	_, err := s.widening()
	return err
}

// widening returns the scope and those that serve in its stead, the narrowest first.
func (s Scope) widening() ([]Scope, error) {
	for i, token := range []string{s.Vendor, s.Class, s.Agreement} {
		if token == "" && i > 0 {
			continue
		}
		if strings.Contains(token, ".") || CheckKey(token) != nil {
			name := [...]string{"vendor", "class", "agreement"}[i]
			return nil, fmt.Errorf("credential scope: %s %q must be of letters, digits, - and _", name, token)
		}
	}
	scopes := []Scope{{Vendor: s.Vendor}}
	if s.Class != "" {
		scopes = append(scopes, Scope{Vendor: s.Vendor, Class: s.Class})
		if s.Agreement != "" {
			scopes = append(scopes, s)
		}
	}
	slices.Reverse(scopes)
	return scopes, nil
}

// id is a checked scope's in the table: its names that are not empty. They contain no dots.
func (s Scope) id() string { return strings.TrimRight(s.Vendor+"."+s.Class+"."+s.Agreement, ".") }

func scopeOf(id string) Scope {
	tokens := append(strings.Split(id, "."), "", "")
	return Scope{tokens[0], tokens[1], tokens[2]}
}
