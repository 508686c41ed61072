package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// What one transaction joins at most, so that nobody in it waits for long.
const (
	groupChanges = 4 * services.MaxChanges
	groupBytes   = 16 << 20
)

// request is a commit that waits for the writer.
type request struct {
	changes []services.Change
	// done gets the outcome; it has room for it.
	done chan error
}

// writer makes the commits, one transaction after the other, in a goroutine of its own.
type writer struct {
	database   *sql.DB
	statements *statements
	checkpoint *checkpointer
	// publish is told what was changed, in order, before whoever changed it is answered.
	publish func([]services.Entry)

	requests chan request
	running  sync.WaitGroup

	// revision is the last one that was given out. Only the goroutine uses it.
	revision uint64
}

// newWriter opens the file for writing, brings it to the present format and starts the goroutine.
func newWriter(ctx context.Context, path string, publish func([]services.Entry)) (*writer, error) {
	w := &writer{publish: publish, requests: make(chan request)}
	w.database = database(path, 1, url.Values{"_txlock": {"immediate"}})
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(err, w.database.Close())
	}
	w.checkpoint = newCheckpointer(path)
	w.running.Go(w.run)
	return w, nil
}

func (w *writer) prepare(ctx context.Context) error {
	if err := migrate(ctx, w.database); err != nil {
		return err
	}
	if err := w.database.QueryRowContext(ctx, "SELECT revision FROM counter").Scan(&w.revision); err != nil {
		return fmt.Errorf("read counter: %w", err)
	}
	var err error
	w.statements, err = newStatements(ctx, w.database)
	return err
}

// commit hands changes to the goroutine and waits for the outcome. If the context ends first nothing was changed.
func (w *writer) commit(ctx context.Context, changes []services.Change) error {
	own := request{changes, make(chan error, 1)}
	select {
	case w.requests <- own:
		return <-own.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close waits for the goroutine; no commit may be under way or come.
func (w *writer) close() error {
	close(w.requests)
	w.running.Wait()
	return errors.Join(w.checkpoint.close(), w.statements.close(), w.database.Close())
}

func (w *writer) run() {
	for first := range w.requests {
		requests := w.join(first)
		group := &group{requests: requests, faults: make([]error, len(requests)), revision: w.revision}
		err := w.write(group)
		if err == nil {
			w.revision = group.revision
			w.publish(group.changed)
		}
		for i, request := range requests {
			request.done <- errors.Join(group.faults[i], err)
		}
	}
}

// join adds to a request all that wait just now.
func (w *writer) join(first request) []request {
	requests, changes, size := []request{first}, 0, 0
	for last := first; ; {
		changes += len(last.changes)
		for i := range last.changes {
			size += len(last.changes[i].Value)
		}
		if changes >= groupChanges || size >= groupBytes {
			return requests
		}
		select {
		case request, open := <-w.requests:
			if !open {
				return requests
			}
			requests, last = append(requests, request), request
		default:
			return requests
		}
	}
}

// write makes what can be made of a group in one transaction. The error is that of the transaction as a whole.
func (w *writer) write(group *group) (err error) {
	w.checkpoint.exclude.Lock()
	defer w.checkpoint.exclude.Unlock()
	transaction, err := w.database.Begin()
	if err != nil {
		return err
	}
	bound := w.statements.in(transaction)
	standing, err := bound.revisions(group.keys())
	if err == nil {
		group.decide(standing)
		err = bound.write(group)
	}
	if err != nil {
		return errors.Join(err, transaction.Rollback())
	}
	if len(group.changed) == 0 {
		return transaction.Rollback()
	}
	if err := transaction.Commit(); err != nil {
		return fmt.Errorf("outcome unknown: %w", err)
	}
	w.checkpoint.wrote(group.size())
	return nil
}
