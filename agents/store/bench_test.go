package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mattn/go-sqlite3"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// The floors do the same work with database/sql alone, so that a ratio inside one run says what the store costs.

const (
	floorUpsert = "INSERT INTO entries VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, value = excluded.value"
	callers     = 64
)

// value is as long as a proposal.
var value = bytes.Repeat([]byte("v"), 2048)

type floorConnector struct{ source string }

func (c floorConnector) Connect(context.Context) (driver.Conn, error) {
	return new(sqlite3.SQLiteDriver).Open(c.source)
}
func (c floorConnector) Driver() driver.Driver { return new(sqlite3.SQLiteDriver) }

func openFloor(b *testing.B) *sql.DB {
	b.Helper()
	path := filepath.Join(b.TempDir(), "floor.db")
	floor := sql.OpenDB(floorConnector{"file:" + path + "?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate"})
	floor.SetMaxOpenConns(1)
	b.Cleanup(func() { _ = floor.Close() })
	execFloor(b, floor, "PRAGMA wal_autocheckpoint = 0")
	execFloor(b, floor, "CREATE TABLE entries (key TEXT PRIMARY KEY, revision INTEGER, value BLOB) ")
	return floor
}

func execFloor(b *testing.B, floor *sql.DB, statement string, arguments ...any) {
	b.Helper()
	if _, err := floor.Exec(statement, arguments...); err != nil {
		b.Fatal(err)
	}
}

// changes puts count keys, the n-th time.
func changes(n, count int) []services.Change {
	made := make([]services.Change, count)
	for i := range made {
		made[i] = services.Change{Key: fmt.Sprintf("bench.%d.%d", n%1000, i), Value: value, Any: true}
	}
	return made
}

func BenchmarkCommit(b *testing.B) {
	for _, rows := range []int{1, 10} {
		b.Run(fmt.Sprintf("rows=%d/store", rows), func(b *testing.B) {
			opened := open(b, filepath.Join(b.TempDir(), "bench.db"))
			for n := 0; b.Loop(); n++ {
				if err := opened.Commit(b.Context(), changes(n, rows)...); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("rows=%d/floor", rows), func(b *testing.B) {
			floor := openFloor(b)
			statement := strings.Replace(floorUpsert, "(?, ?, ?)", "(?, ?, ?)"+strings.Repeat(", (?, ?, ?)", rows-1), 1)
			for n := 0; b.Loop(); n++ {
				var arguments []any
				for _, change := range changes(n, rows) {
					arguments = append(arguments, change.Key, n, change.Value)
				}
				execFloor(b, floor, statement, arguments...)
			}
		})
	}
}

func BenchmarkCommitParallel(b *testing.B) {
	b.Run("store", func(b *testing.B) {
		opened := open(b, filepath.Join(b.TempDir(), "bench.db"))
		benchmarkCallers(b, func(n int) error { return opened.Commit(b.Context(), changes(n, 1)...) })
	})
	b.Run("floor", func(b *testing.B) {
		floor := openFloor(b)
		benchmarkCallers(b, func(n int) error {
			_, err := floor.Exec(floorUpsert, fmt.Sprintf("bench.%d.0", n%1000), n, value)
			return err
		})
	})
}

func benchmarkCallers(b *testing.B, commit func(n int) error) {
	var count atomic.Int64
	b.SetParallelism(callers / runtime.GOMAXPROCS(0))
	b.RunParallel(func(parallel *testing.PB) {
		for parallel.Next() {
			if err := commit(int(count.Add(1))); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func BenchmarkGet(b *testing.B) {
	b.Run("store", func(b *testing.B) {
		opened := open(b, filepath.Join(b.TempDir(), "bench.db"))
		if err := opened.Commit(b.Context(), changes(0, 1000)...); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := opened.Get(b.Context(), "bench.0.500"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("floor", func(b *testing.B) {
		floor := openFloor(b)
		execFloor(b, floor, floorUpsert, "bench.0.500", 1, value)
		get, err := floor.Prepare("SELECT revision, value FROM entries WHERE key = ?")
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			var entry services.Entry
			if err := get.QueryRow("bench.0.500").Scan(&entry.Revision, &entry.Value); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkList1000(b *testing.B) {
	b.Run("store", func(b *testing.B) {
		opened := open(b, filepath.Join(b.TempDir(), "bench.db"))
		if err := opened.Commit(b.Context(), changes(0, 1000)...); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if entries, err := opened.List(b.Context(), "bench."); err != nil || len(entries) != 1000 {
				b.Fatal(len(entries), err)
			}
		}
	})
	b.Run("floor", func(b *testing.B) {
		floor := openFloor(b)
		for _, change := range changes(0, 1000) {
			execFloor(b, floor, floorUpsert, change.Key, 1, change.Value)
		}
		for b.Loop() {
			listFloor(b, floor)
		}
	})
}

func listFloor(b *testing.B, floor *sql.DB) {
	rows, err := floor.Query("SELECT key, revision, value FROM entries ORDER BY key")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var entry services.Entry
		if err := rows.Scan(&entry.Key, &entry.Revision, &entry.Value); err != nil {
			b.Fatal(err)
		}
	}
}
