package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/vendormodules/services"
)

func open(t testing.TB, path string) *store.SQLite {
	t.Helper()
	opened, err := store.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

func TestPathIsTakenAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made here", "a %41 ?mode=memory #b.db")
	first := open(t, path)
	if err := first.Commit(t.Context(), services.Change{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, path).Get(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "data")
	path := filepath.Join(directory, "store.db")
	if err := os.MkdirAll(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Commit(t.Context(), services.Change{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(directory, func(path string, file fs.DirEntry, err error) error {
		if err != nil || file.IsDir() {
			return err
		}
		files++
		information, err := file.Info()
		if err == nil && information.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %04o", path, information.Mode().Perm())
		}
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("%d files, %v", files, err)
	}
}

func TestDirectoryThatEverybodyMayWriteToIsRefused(t *testing.T) {
	directory := t.TempDir()
	if err := os.Chmod(directory, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	_, err := store.OpenSQLite(t.Context(), filepath.Join(directory, "store.db"))
	if err == nil || !strings.Contains(err.Error(), directory) {
		t.Errorf("opened: %v", err)
	}
}

func TestOneHolderAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	holder := open(t, path)
	_, err := store.OpenSQLite(t.Context(), path)
	if !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("opened twice in one process: %v", err)
	}
	output := runSecond(t, path)
	if wanted := fmt.Sprintf("store is in use, held by process %d", os.Getpid()); !strings.Contains(output, wanted) {
		t.Errorf("a second process said %q, wanted %q", output, wanted)
	}
	if err := holder.Commit(t.Context(), services.Change{Key: "a"}); err != nil {
		t.Errorf("the holder after others tried: %v", err)
	}
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

// runSecond has another process open the store, which it must be refused, and returns what that says.
func runSecond(t *testing.T, path string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), crashPath+"="+path)
	output, err := command.CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("second process: %v", err)
	}
	return string(output)
}

func TestFileOfANewerProgramIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	alter(t, path, "PRAGMA user_version = 99")
	if _, err := store.OpenSQLite(t.Context(), path); !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "format 99") {
		t.Errorf("opened: %v", err)
	}
	alter(t, path, "PRAGMA user_version = 1")
	open(t, path)
}

func TestDatabaseOfSomethingElseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "else.db")
	alter(t, path, "CREATE TABLE entries (anything)")
	if _, err := store.OpenSQLite(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("opened: %v", err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database "), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenSQLite(t.Context(), text); err == nil {
		t.Error("opened a text")
	}
}

func alter(t *testing.T, path, statement string) {
	t.Helper()
	database := sql.OpenDB(floorConnector{"file:" + path})
	if _, err := database.Exec(statement); err != nil {
		t.Fatal(err)
	}
	if err := database.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLogStaysShort commits far more without a pause than the log may grow to.
func TestLogStaysShort(t *testing.T) {
	const written, allowed = 128, 64 // MiB
	path := filepath.Join(t.TempDir(), "store.db")
	opened := open(t, path)
	large := make([]byte, services.MaxValue)
	for i := range written {
		if err := opened.Commit(t.Context(), services.Change{Key: fmt.Sprintf("large.%d", i%4), Value: large, Any: true}); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if log.Size() > allowed<<20 {
		t.Errorf("the log has %d MiB after %d were written", log.Size()>>20, written)
	}
	t.Logf("the log has %d MiB after %d were written", log.Size()>>20, written)
}
