package services

import (
	"errors"
	"fmt"
	"strings"
)

// ErrClosed is returned by every method of a Store but Close once Close was called.
var ErrClosed = errors.New("store is closed")

// MaxValue is the most bytes that a value may have: 1 MiB.
const MaxValue = 1 << 20

// CheckPrefix says what is wrong with a prefix: it is empty, for everything, or a key followed by a dot.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	key, dotted := strings.CutSuffix(prefix, ".")
	if !dotted {
		return fmt.Errorf("prefix %q: must be empty or end with a dot", prefix)
	}
	if err := CheckKey(key); err != nil {
		return fmt.Errorf("prefix %q: %w", prefix, err)
	}
	return nil
}

// CheckChanges says what is wrong with the changes of one commit before anything is looked up: too many of them, a bad
// key, a key that comes twice, a value that could not be encoded or has more than MaxValue bytes.
func CheckChanges(changes []Change) error {
	if len(changes) > MaxChanges {
		return fmt.Errorf("commit of %d changes: at most %d are allowed", len(changes), MaxChanges)
	}
	seen := make(map[string]struct{}, len(changes))
	for i := range changes {
		change := &changes[i]
		if err := CheckKey(change.Key); err != nil {
			return err
		}
		if _, twice := seen[change.Key]; twice {
			return fmt.Errorf("key %q: comes twice in one commit", change.Key)
		}
		seen[change.Key] = struct{}{}
		if change.fault != nil {
			return fmt.Errorf("key %q: %w", change.Key, change.fault)
		}
		if !change.Delete && len(change.Value) > MaxValue {
			return fmt.Errorf("key %q: value of %d bytes, at most %d are allowed", change.Key, len(change.Value), MaxValue)
		}
	}
	return nil
}
