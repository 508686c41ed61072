package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// putSizes is how many put statements there are: for 1, 2, 4 ... 256 rows. Any number of rows is a few of them.
const putSizes = 9

// statements are those of the writer's connection, prepared once.
type statements struct {
	revisions, remove, count *sql.Stmt
	put                      [putSizes]*sql.Stmt
}

func newStatements(ctx context.Context, database *sql.DB) (*statements, error) {
	s := &statements{}
	wanted := map[**sql.Stmt]string{
		&s.revisions: "SELECT key, revision FROM entries WHERE key IN (SELECT value FROM json_each(?))",
		&s.remove:    "DELETE FROM entries WHERE key IN (SELECT value FROM json_each(?))",
		&s.count:     "UPDATE counter SET revision = ?",
	}
	for i := range s.put {
		rows := strings.Repeat(", (?, ?, ?)", 1<<i)[2:]
		wanted[&s.put[i]] = "INSERT INTO entries (key, revision, value) VALUES " + rows +
			" ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, value = excluded.value"
	}
	for statement, text := range wanted {
		var err error
		if *statement, err = database.PrepareContext(ctx, text); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare statements: %w", err), s.close())
		}
	}
	return s, nil
}

func (s *statements) close() error {
	var faults []error
	for _, statement := range append(s.put[:], s.revisions, s.remove, s.count) {
		if statement != nil {
			faults = append(faults, statement.Close())
		}
	}
	return errors.Join(faults...)
}

// bound are the statements inside a transaction.
type bound struct {
	*statements
	transaction *sql.Tx
}

func (s *statements) in(transaction *sql.Tx) bound { return bound{s, transaction} }

// revisions looks up what stands of the keys.
func (b bound) revisions(keys []string) (map[string]uint64, error) {
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	rows, err := b.transaction.Stmt(b.statements.revisions).Query(string(list))
	if err != nil {
		return nil, err
	}
	standing := make(map[string]uint64, len(keys))
	for rows.Next() {
		var key string
		var revision uint64
		if err := rows.Scan(&key, &revision); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		standing[key] = revision
	}
	return standing, errors.Join(rows.Err(), rows.Close())
}

// write writes the outcome of a group.
func (b bound) write(group *group) error {
	puts, deletes := group.outcome()
	for len(puts) > 0 {
		size := min(bits.Len(uint(len(puts)))-1, putSizes-1)
		if err := b.putRows(b.put[size], puts[:1<<size]); err != nil {
			return err
		}
		puts = puts[1<<size:]
	}
	if len(deletes) > 0 {
		list, err := json.Marshal(deletes)
		if err != nil {
			return err
		}
		if _, err := b.transaction.Stmt(b.remove).Exec(string(list)); err != nil {
			return err
		}
	}
	if len(group.changed) == 0 {
		return nil
	}
	_, err := b.transaction.Stmt(b.count).Exec(group.revision)
	return err
}

func (b bound) putRows(statement *sql.Stmt, entries []services.Entry) error {
	arguments := make([]any, 0, 3*len(entries))
	for i := range entries {
		value := entries[i].Value
		if value == nil {
			value = []byte{}
		}
		arguments = append(arguments, entries[i].Key, entries[i].Revision, value)
	}
	_, err := b.transaction.Stmt(statement).Exec(arguments...)
	return err
}
