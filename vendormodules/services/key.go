package services

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/crypto/chacha20poly1305"
)

// Key is what a Vault seals its records with. It prints as Redacted.
type Key struct{ bytes Secret }

// NewKey makes a key at random.
func NewKey() Key {
	var bytes [chacha20poly1305.KeySize]byte
	_, _ = rand.Read(bytes[:]) // never fails: it ends the program if there is no randomness
	return Key{NewSecret(string(bytes[:]))}
}

// Format implements fmt.Formatter, for every verb.
func (k Key) Format(state fmt.State, verb rune) { k.bytes.Format(state, verb) }

// LoadOrCreateKey reads the key in a file, which it makes at the first use. The file must be its owner's alone.
func LoadOrCreateKey(path string) (Key, error) {
	key, err := loadKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createKey(path); err == nil {
			key, err = loadKey(path)
		}
	}
	if err != nil {
		return Key{}, fmt.Errorf("key file %s: %w", path, err)
	}
	return key, nil
}

func loadKey(path string) (key Key, err error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return Key{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	information, err := file.Stat()
	if err != nil {
		return Key{}, err
	}
	if mode := information.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return Key{}, fmt.Errorf("mode %v lets others at it; once you know that nobody read it: chmod 600 %s", mode, path)
	}
	bytes, err := io.ReadAll(io.LimitReader(file, chacha20poly1305.KeySize+1))
	if err != nil {
		return Key{}, err
	}
	if len(bytes) != chacha20poly1305.KeySize {
		return Key{}, fmt.Errorf("must have %d bytes", chacha20poly1305.KeySize)
	}
	return Key{NewSecret(string(bytes))}, nil
}

// createKey writes a new key to a file of another name and then links it in place: nobody ever sees half a key, and of
// two who create it at once the first one's stays.
func createKey(path string) (err error) {
	draft, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(draft.Name())) }()
	_, err = draft.WriteString(NewKey().bytes.Reveal())
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

// Derive makes another key of this one for a purpose: always the same, and one from which nothing can be learnt of this
// one or of those for other purposes.
func (k Key) Derive(purpose string) (Secret, error) {
	derived, err := hkdf.Key(sha256.New, []byte(k.bytes.Reveal()), nil, purpose, sha256.Size)
	if err != nil {
		return Secret{}, fmt.Errorf("derive a key for %s: %w", purpose, err)
	}
	return NewSecret(string(derived)), nil
}
