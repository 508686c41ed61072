package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloud-agency/agency/agents/store/filelock"
)

// ErrInUse is wrapped by the error of opening a file that is open already, in this process or another.
var ErrInUse = errors.New("store is in use")

// acquireLock keeps a second process off the store at path.
func acquireLock(ctx context.Context, path string) (*filelock.Lock, error) {
	lock, err := filelock.Acquire(ctx, path+".lock")
	var held *filelock.HeldError
	if errors.As(err, &held) {
		return nil, fmt.Errorf("%w, %w", ErrInUse, held)
	}
	return lock, err
}
