package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// listEntries reads the entries below a checked prefix, sorted by key.
func listEntries(ctx context.Context, from *sql.DB, prefix string) ([]services.Entry, error) {
	if prefix == "" {
		return readEntries(ctx, from, "SELECT key, revision, value FROM entries ORDER BY key")
	}
	return readEntries(ctx, from,
		"SELECT key, revision, value FROM entries WHERE key >= ? AND key < ? ORDER BY key", prefix, endOf(prefix))
}

// pageEntries reads the first entries below a checked prefix that come after a key.
func pageEntries(ctx context.Context, from *sql.DB, prefix, after string, limit int) ([]services.Entry, error) {
	after = max(after, prefix) // which is no key, since it ends with a dot
	if prefix == "" {
		return readEntries(ctx, from,
			"SELECT key, revision, value FROM entries WHERE key > ? ORDER BY key LIMIT ?", after, limit)
	}
	return readEntries(ctx, from,
		"SELECT key, revision, value FROM entries WHERE key > ? AND key < ? ORDER BY key LIMIT ?", after, endOf(prefix), limit)
}

func readEntries(ctx context.Context, from *sql.DB, query string, bounds ...any) (entries []services.Entry, err error) {
	rows, err := from.QueryContext(ctx, query, bounds...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var entry services.Entry
		if err := rows.Scan(&entry.Key, &entry.Revision, &entry.Value); err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, rows.Err()
}

// endOf returns the first string behind all keys of a prefix that is not empty. A prefix ends with a dot, and the
// character after the dot is the slash.
func endOf(prefix string) string { return prefix[:len(prefix)-1] + "/" }
