package services

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrNoKey is returned by Get for a key that is not there.
var ErrNoKey = errors.New("no such key")

// ErrRevision is wrapped by the error of a Commit whose expectations did not hold; nothing was changed.
var ErrRevision = errors.New("revision conflict")

// MaxChanges is the most changes that one Commit may hold.
const MaxChanges = 1000

// Store keeps values by key. Keys are tokens joined by dots (CheckKey); a prefix ends at a dot or is empty. Values are
// opaque, at most 1 MiB. Every key's revision grows with each change and is never 0 while the key is there.
//
// After an error of Commit that does not wrap ErrRevision the outcome is unknown: read again, never just retry.
type Store interface {
	// Get returns a key's value and revision, ErrNoKey if it is not there.
	Get(ctx context.Context, key string) (Entry, error)
	// List returns the entries below a prefix, sorted by key. It is no snapshot: what changes meanwhile may or may not
	// show.
	List(ctx context.Context, prefix string) ([]Entry, error)
	// Page returns the first entries below a prefix whose keys come after a key, sorted by key and at most limit of them.
	// Fewer than that are all there are. An empty key comes before all others.
	Page(ctx context.Context, prefix, after string, limit int) ([]Entry, error)
	// Watch sends the entries below a prefix as they are and then every change, in order for each key, until the context
	// ends, when the channel is closed. An entry of Deleted has no value.
	Watch(ctx context.Context, prefix string) (<-chan Entry, error)
	// Commit makes all changes or none, and is durable when it returns.
	Commit(ctx context.Context, changes ...Change) error
	// Close lets go of the store. It may be called twice.
	Close() error
}

// Entry is a key as it stands.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
	Deleted  bool
}

// Change is one key's part of a commit.
type Change struct {
	Key string
	// Expect is the revision that the key must have; 0 for "is not there". Ignored if Any.
	Expect uint64
	// Any makes the change whatever stands there.
	Any bool
	// Value to put, unless Delete.
	Value  []byte
	Delete bool

	// fault says why a Table could not make the value; CheckChanges refuses it.
	fault error
}

// CheckKey says what is wrong with a key: it is tokens of letters, digits, "-" and "_", joined by single dots, at most
// 512 bytes.
func CheckKey(key string) error {
	if key == "" || len(key) > 512 {
		return fmt.Errorf("key %q: must have 1 to 512 bytes", key)
	}
	for token := range strings.SplitSeq(key, ".") {
		if token == "" || strings.Trim(token, keyAlphabet) != "" {
			return fmt.Errorf("key %q: tokens are letters, digits, - and _, joined by single dots", key)
		}
	}
	return nil
}

const keyAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
