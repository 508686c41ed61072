package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"
)

// checkpointAfter is how many bytes of log make a checkpoint worth while.
const checkpointAfter = 4 << 20

// checkpointer moves the log into the file, in a goroutine and with a connection of its own, so that no commit has to.
//
// It goes twice: first beside the commits, which takes long and moves nearly all, then with commits excluded, which
// moves the little that came meanwhile. Only after the second does the log begin anew; the first alone would never
// catch up with somebody who commits without a pause, and the log would grow without end.
type checkpointer struct {
	database *sql.DB
	// exclude is held by the writer for the time of a transaction.
	exclude sync.Mutex

	due     chan struct{}
	running sync.WaitGroup
	// fault is the last run's. The goroutine sets it, close reads it when that has ended.
	fault error

	// written is how many bytes came since a checkpoint was last due. Only the writer uses it.
	written int
}

func newCheckpointer(path string) *checkpointer {
	c := &checkpointer{database: database(path, 1, url.Values{}), due: make(chan struct{}, 1)}
	c.running.Go(c.run)
	return c
}

// wrote tells of bytes added to the log. It is called by the writer, and never waits.
func (c *checkpointer) wrote(bytes int) {
	c.written += bytes
	if c.written < checkpointAfter {
		return
	}
	select {
	case c.due <- struct{}{}:
		c.written = 0
	default:
	}
}

// close waits for the goroutine. The writer must have ended. A checkpoint that failed lost nothing: the next one, or
// the next to open the file, makes up for it; close tells if the last one did.
func (c *checkpointer) close() error {
	close(c.due)
	c.running.Wait()
	return errors.Join(c.fault, c.database.Close())
}

func (c *checkpointer) run() {
	for range c.due {
		c.fault = c.checkpoint()
	}
}

func (c *checkpointer) checkpoint() error {
	complete, err := c.pass()
	if err != nil || complete {
		return err
	}
	c.exclude.Lock()
	defer c.exclude.Unlock()
	_, err = c.pass()
	return err
}

// pass moves what it can without waiting for anybody; complete says that nothing is left in the log.
func (c *checkpointer) pass() (complete bool, err error) {
	var busy, logged, moved int
	row := c.database.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)")
	if err := row.Scan(&busy, &logged, &moved); err != nil {
		return false, fmt.Errorf("checkpoint: %w", err)
	}
	return busy == 0 && logged == moved, nil
}
