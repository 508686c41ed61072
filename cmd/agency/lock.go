package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/agents/store/filelock"
	"github.com/cloud-agency/agency/sla"
)

// lockDirectory makes this process the only agency on a data directory until the lock is released.
func lockDirectory(ctx context.Context, directory string) (*filelock.Lock, error) {
	lock, err := filelock.Acquire(ctx, filepath.Join(directory, "agency.lock"))
	var held *filelock.HeldError
	if errors.As(err, &held) {
		return nil, &client.Error{
			Code: string(sla.RefusedConflict), At: directory,
			Message: fmt.Sprintf("another agency runs on this data directory: process %d", held.Process),
			Hint:    "use that one, stop it first, or give another --data",
		}
	}
	return lock, err
}
