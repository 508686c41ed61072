package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// putSizes is how many put statements there are: for 1, 2, 4 ... 256 rows. Any number of rows is a few of them.
const putSizes = 9

// statements are those of the writer's connection, prepared once. They do not wait for a context: they run in the
// writer's goroutine, on behalf of many callers.
type statements struct {
	begin, commit, rollback *sql.Stmt
	// one takes a key, many and remove a JSON array of keys.
	one, many, remove *sql.Stmt
	reserve           *sql.Stmt
	put               [putSizes]*sql.Stmt
}

func newStatements(ctx context.Context, connection *sql.Conn) (*statements, error) {
	s := &statements{}
	wanted := map[**sql.Stmt]string{
		&s.begin:    "BEGIN IMMEDIATE",
		&s.commit:   "COMMIT",
		&s.rollback: "ROLLBACK",
		&s.one:      "SELECT key, revision FROM entries WHERE key = ?",
		&s.many:     "SELECT key, revision FROM entries WHERE key IN (SELECT value FROM json_each(?))",
		&s.remove:   "DELETE FROM entries WHERE key IN (SELECT value FROM json_each(?))",
		&s.reserve:  "UPDATE counter SET reserved = ?",
	}
	for i := range s.put {
		rows := strings.Repeat(", (?, ?, ?)", 1<<i)[2:]
		wanted[&s.put[i]] = "INSERT INTO entries (key, revision, value) VALUES " + rows +
			" ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, value = excluded.value"
	}
	for statement, text := range wanted {
		var err error
		if *statement, err = connection.PrepareContext(ctx, text); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare statements: %w", err), s.close())
		}
	}
	return s, nil
}

func (s *statements) close() error {
	var faults []error
	all := append(s.put[:], s.begin, s.commit, s.rollback, s.one, s.many, s.remove, s.reserve)
	for _, statement := range all {
		if statement != nil {
			faults = append(faults, statement.Close())
		}
	}
	return errors.Join(faults...)
}

func (s *statements) run(statement *sql.Stmt, arguments ...any) error {
	_, err := statement.ExecContext(context.Background(), arguments...)
	return err
}

// standing returns the revisions of those of the keys that are there.
func (s *statements) standing(keys []string) (revisions map[string]uint64, err error) {
	statement, argument := s.one, keys[0]
	if len(keys) > 1 {
		statement, argument = s.many, list(keys)
	}
	rows, err := statement.QueryContext(context.Background(), argument)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	revisions = make(map[string]uint64, len(keys))
	for rows.Next() {
		var key string
		var revision uint64
		if err := rows.Scan(&key, &revision); err != nil {
			return nil, err
		}
		revisions[key] = revision
	}
	return revisions, rows.Err()
}

// write writes the outcome of a group.
func (s *statements) write(group *group) error {
	puts, deletes := group.outcome()
	for len(puts) > 0 {
		size := min(bits.Len(uint(len(puts)))-1, putSizes-1)
		if err := s.run(s.put[size], columns(puts[:1<<size])...); err != nil {
			return fmt.Errorf("put %d entries: %w", 1<<size, err)
		}
		puts = puts[1<<size:]
	}
	if len(deletes) == 0 {
		return nil
	}
	if err := s.run(s.remove, list(deletes)); err != nil {
		return fmt.Errorf("delete %d entries: %w", len(deletes), err)
	}
	return nil
}

func columns(entries []services.Entry) []any {
	arguments := make([]any, 0, 3*len(entries))
	for i := range entries {
		value := entries[i].Value
		if value == nil {
			value = []byte{}
		}
		arguments = append(arguments, entries[i].Key, entries[i].Revision, value)
	}
	return arguments
}

// list is the JSON array of keys; their alphabet needs no escapes.
func list(keys []string) string { return `["` + strings.Join(keys, `","`) + `"]` }
