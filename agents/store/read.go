package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// querier is a connection pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, arguments ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, arguments ...any) *sql.Row
}

// listEntries reads the entries below a checked prefix, sorted by key.
func listEntries(ctx context.Context, from querier, prefix string) ([]services.Entry, error) {
	query := "SELECT key, revision, value FROM entries ORDER BY key"
	var bounds []any
	if prefix != "" {
		query = "SELECT key, revision, value FROM entries WHERE key >= ? AND key < ? ORDER BY key"
		bounds = []any{prefix, endOf(prefix)}
	}
	rows, err := from.QueryContext(ctx, query, bounds...)
	if err != nil {
		return nil, err
	}
	var entries []services.Entry
	for rows.Next() {
		var entry services.Entry
		if err := rows.Scan(&entry.Key, &entry.Revision, &entry.Value); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		entries = append(entries, entry)
	}
	return entries, errors.Join(rows.Err(), rows.Close())
}

// endOf returns the first string behind all keys of a prefix that is not empty. A prefix ends with a dot, and the
// character after the dot is the slash.
func endOf(prefix string) string { return prefix[:len(prefix)-1] + "/" }

// snapshot reads the entries below a prefix together with the last revision that they show.
func snapshot(ctx context.Context, reader *sql.DB, prefix string) (entries []services.Entry, revision uint64, err error) {
	transaction, err := reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, transaction.Rollback()) }()
	if err := transaction.QueryRowContext(ctx, "SELECT revision FROM counter").Scan(&revision); err != nil {
		return nil, 0, err
	}
	entries, err = listEntries(ctx, transaction, prefix)
	return entries, revision, err
}
