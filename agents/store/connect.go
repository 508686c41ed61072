package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/mattn/go-sqlite3"
)

// connector opens connections to one file, without a driver registered for the whole program.
type connector struct {
	driver *sqlite3.SQLiteDriver
	source string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.source) }
func (c connector) Driver() driver.Driver                        { return c.driver }

// database returns a pool of at most the given number of connections, which stay open, each with 4 MiB of cache.
func database(path string, connections int, options url.Values) *sql.DB {
	options.Set("_journal_mode", "WAL")
	options.Set("_synchronous", "FULL")
	options.Set("_foreign_keys", "true")
	options.Set("_cache_size", "-4096")
	options.Set("_busy_timeout", "10000")
	file := url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}
	pool := sql.OpenDB(connector{source: file.String(), driver: &sqlite3.SQLiteDriver{ConnectHook: manualCheckpoint}})
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool
}

// manualCheckpoint keeps a connection from checkpointing inside somebody's commit; see checkpointer.
func manualCheckpoint(connection *sqlite3.SQLiteConn) error {
	_, err := connection.Exec("PRAGMA wal_autocheckpoint = 0", nil)
	return err
}

// prepareDirectory makes sure that the store's directory is there and that not everybody may put files into it.
func prepareDirectory(path string) error {
	directory := filepath.Dir(path)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	information, err := os.Stat(directory)
	if err != nil {
		return err
	}
	if mode := information.Mode().Perm(); mode&0o002 != 0 {
		return fmt.Errorf("directory %s: everybody may write to it (mode %04o); a store needs one of its own", directory, mode)
	}
	return nil
}

// prepareFile makes sure that the store's file is there and its owner's alone; SQLite gives its other files the same
// mode. The lock must be held: to close a file takes SQLite's own locks off it all over the process.
func prepareFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Chmod(0o600), file.Close())
}
