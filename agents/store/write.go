package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/mattn/go-sqlite3"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// What one transaction joins at most, so that nobody in it waits for long.
const (
	groupChanges = 4 * services.MaxChanges
	groupBytes   = 16 << 20
)

// reserve is how many revisions are taken from the counter at once, at least what a group can need. Those that are left
// when the store is closed are never used.
const reserve = 1 << 16

// request is a commit that waits for the writer.
type request struct {
	changes []services.Change
	// done gets the outcome; it has room for it.
	done chan error
}

// writer makes the commits, one transaction after the other, in a goroutine of its own.
type writer struct {
	database   *sql.DB
	connection *sql.Conn
	statements *statements
	checkpoint *checkpointer
	// publish is told what was changed, in order, before whoever changed it is answered.
	publish func([]services.Entry)

	requests chan request
	running  sync.WaitGroup

	// revision is the last one that was given out, reserved the last that may be. Only the goroutine uses them.
	revision, reserved uint64
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
	if err := w.database.QueryRowContext(ctx, "SELECT reserved FROM counter").Scan(&w.reserved); err != nil {
		return fmt.Errorf("read counter: %w", err)
	}
	w.revision = w.reserved
	var err error
	if w.connection, err = w.database.Conn(ctx); err != nil {
		return err
	}
	w.statements, err = newStatements(ctx, w.connection)
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
	return errors.Join(w.checkpoint.close(), w.statements.close(), w.connection.Close(), w.database.Close())
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
func (w *writer) write(group *group) error {
	w.checkpoint.exclude.Lock()
	defer w.checkpoint.exclude.Unlock()
	if err := w.statements.run(w.statements.begin); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	reserved, err := w.fill(group)
	if err != nil || len(group.changed) == 0 {
		return errors.Join(err, w.statements.run(w.statements.rollback))
	}
	if err := w.statements.run(w.statements.commit); err != nil {
		return fmt.Errorf("outcome unknown: %w", errors.Join(err, w.abandon()))
	}
	w.reserved = reserved
	w.checkpoint.wrote(group.size())
	return nil
}

// fill decides and writes a group inside a transaction, and returns up to where revisions are reserved by it.
func (w *writer) fill(group *group) (reserved uint64, err error) {
	standing, err := w.statements.standing(group.keys())
	if err != nil {
		return 0, fmt.Errorf("look up revisions: %w", err)
	}
	group.decide(standing)
	if group.revision <= w.reserved {
		return w.reserved, w.statements.write(group)
	}
	reserved = group.revision + reserve
	if err := w.statements.run(w.statements.reserve, reserved); err != nil {
		return 0, fmt.Errorf("reserve revisions: %w", err)
	}
	return reserved, w.statements.write(group)
}

// abandon ends a transaction that could not be committed, if SQLite has not done so itself.
func (w *writer) abandon() error {
	var open bool
	err := w.connection.Raw(func(connection any) error {
		open = !connection.(*sqlite3.SQLiteConn).AutoCommit()
		return nil
	})
	if err != nil || !open {
		return err
	}
	return w.statements.run(w.statements.rollback)
}
