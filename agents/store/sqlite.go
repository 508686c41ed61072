package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"

	"github.com/cloud-agency/agency/agents/store/filelock"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// readers is how many reads of a kind run at once; more wait.
const readers = 2

// SQLite is a services.Store in a file of its own.
type SQLite struct {
	path string
	lock *filelock.Lock

	// Reads of one key have connections of their own: they take microseconds, and never wait for a long list.
	points, lists *sql.DB
	get           *sql.Stmt
	writer        *writer
	watch         *watchers

	// use is held shared by every call and exclusively by Close, which so waits for those that are under way.
	use    sync.RWMutex
	closed bool
	once   sync.Once
	// closing says why it went wrong, for a second Close.
	closing error
}

var _ services.Store = (*SQLite)(nil)

// OpenSQLite opens the store in a file, which is made if it is not there, and its directory too. It fails with ErrInUse
// while another holds the file and with ErrNewer if a newer program wrote it.
func OpenSQLite(ctx context.Context, path string) (*SQLite, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	store := &SQLite{path: path, watch: newWatchers()}
	if err := store.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), store.Close())
	}
	return store, nil
}

// open leaves it to Close to let go of what it has got hold of when it fails.
func (s *SQLite) open(ctx context.Context) (err error) {
	if err := prepareDirectory(s.path); err != nil {
		return err
	}
	if s.lock, err = acquireLock(ctx, s.path); err != nil {
		return err
	}
	if err := prepareFile(s.path); err != nil {
		return err
	}
	if s.writer, err = newWriter(ctx, s.path, s.watch.publish); err != nil {
		return err
	}
	s.lists = database(s.path, readers, url.Values{"_query_only": {"true"}})
	s.points = database(s.path, readers, url.Values{"_query_only": {"true"}})
	s.get, err = s.points.PrepareContext(ctx, "SELECT revision, value FROM entries WHERE key = ?")
	return err
}

// begin starts a call, which ends with s.use.RUnlock; it fails if the store is closed or the context has ended.
func (s *SQLite) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.use.RLock()
	if s.closed {
		s.use.RUnlock()
		return services.ErrClosed
	}
	return nil
}

// Get implements services.Store.
func (s *SQLite) Get(ctx context.Context, key string) (services.Entry, error) {
	if err := services.CheckKey(key); err != nil {
		return services.Entry{}, fmt.Errorf("get: %w", err)
	}
	if err := s.begin(ctx); err != nil {
		return services.Entry{}, fmt.Errorf("get %s: %w", key, err)
	}
	defer s.use.RUnlock()
	entry := services.Entry{Key: key}
	// To make it stop half way would cost three times what it takes.
	err := s.get.QueryRowContext(context.WithoutCancel(ctx), key).Scan(&entry.Revision, &entry.Value)
	if errors.Is(err, sql.ErrNoRows) {
		err = services.ErrNoKey
	}
	if err != nil {
		return services.Entry{}, fmt.Errorf("get %s: %w", key, err)
	}
	return entry, nil
}

// List implements services.Store. It shows the store at one moment.
func (s *SQLite) List(ctx context.Context, prefix string) ([]services.Entry, error) {
	if err := services.CheckPrefix(prefix); err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	if err := s.begin(ctx); err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	defer s.use.RUnlock()
	entries, err := listEntries(ctx, s.lists, prefix)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	return entries, nil
}

// Page implements services.Store.
func (s *SQLite) Page(ctx context.Context, prefix, after string, limit int) ([]services.Entry, error) {
	if err := services.CheckPrefix(prefix); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	if limit < 1 {
		return nil, fmt.Errorf("page of %s: limit is %d, must be 1 or more", prefix, limit)
	}
	if err := s.begin(ctx); err != nil {
		return nil, fmt.Errorf("page of %s: %w", prefix, err)
	}
	defer s.use.RUnlock()
	entries, err := pageEntries(ctx, s.lists, prefix, after, limit)
	if err != nil {
		return nil, fmt.Errorf("page of %s: %w", prefix, err)
	}
	return entries, nil
}

// Commit implements services.Store. Its outcome is known unless the disk fails: an error of the context means that
// nothing was changed.
func (s *SQLite) Commit(ctx context.Context, changes ...services.Change) error {
	if err := services.CheckChanges(changes); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if err := s.begin(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	defer s.use.RUnlock()
	if len(changes) == 0 {
		return nil
	}
	if err := s.writer.commit(ctx, changes); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Watch implements services.Store; the channel is also closed by Close. See the package's comment on slow watchers.
func (s *SQLite) Watch(ctx context.Context, prefix string) (<-chan services.Entry, error) {
	if err := services.CheckPrefix(prefix); err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	if err := s.begin(ctx); err != nil {
		return nil, fmt.Errorf("watch %s: %w", prefix, err)
	}
	defer s.use.RUnlock()
	// Changes queue up from here on, so that none falls between the entries as they are and the first change.
	watcher := s.watch.add(prefix)
	entries, err := listEntries(ctx, s.lists, prefix)
	if err != nil {
		s.watch.remove(watcher)
		return nil, fmt.Errorf("watch %s: %w", prefix, err)
	}
	watcher.start(entries)
	return s.watch.serve(ctx, watcher), nil
}

// Close implements services.Store. It waits for the calls that are under way.
func (s *SQLite) Close() error {
	s.once.Do(func() { s.closing = s.close() })
	return s.closing
}

func (s *SQLite) close() error {
	s.use.Lock()
	s.closed = true
	s.use.Unlock()

	s.watch.close()
	var faults []error
	if s.get != nil {
		faults = append(faults, s.get.Close())
	}
	for _, pool := range []*sql.DB{s.points, s.lists} {
		if pool != nil {
			faults = append(faults, pool.Close())
		}
	}
	if s.writer != nil {
		faults = append(faults, s.writer.close())
	}
	if s.lock != nil {
		faults = append(faults, s.lock.Release())
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}
