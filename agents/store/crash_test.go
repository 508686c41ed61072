package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// crashPath is the variable that makes the test's program a writer to be killed.
const crashPath = "AGENCY_TEST_CRASH_STORE"

const (
	crashes      = 25
	crashWriters = 4
	batchKeys    = 10
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashPath); path != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled has several writers commit batch after batch, and prints each when it is committed.
func writeUntilKilled(path string) error {
	opened, err := store.OpenSQLite(context.Background(), path)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for writer := range crashWriters {
		number, err := standing(opened, writer)
		if err != nil {
			return err
		}
		go func() {
			for {
				number++
				if err := opened.Commit(context.Background(), batch(writer, number)...); err != nil {
					failed <- err
					return
				}
				fmt.Printf("%d %d\n", writer, number)
			}
		}()
	}
	return <-failed
}

// batch puts a number under ten keys, and deletes the ten keys of the batch before.
func batch(writer, number int) []services.Change {
	var changes []services.Change
	for i := range batchKeys {
		key := func(n int) string { return fmt.Sprintf("crash.%d.%d-%d", writer, n%2, i) }
		changes = append(changes,
			services.Change{Key: key(number), Value: []byte(strconv.Itoa(number))},
			services.Change{Key: key(number + 1), Delete: true, Any: true})
	}
	return changes
}

// standing is the number of a writer's last batch, if it is there as a whole and alone.
func standing(opened services.Store, writer int) (int, error) {
	entries, err := opened.List(context.Background(), fmt.Sprintf("crash.%d.", writer))
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	number, err := strconv.Atoi(string(entries[0].Value))
	if err != nil {
		return 0, err
	}
	if len(entries) != batchKeys {
		return 0, fmt.Errorf("writer %d: %d keys", writer, len(entries))
	}
	for i, entry := range entries {
		if entry.Key != fmt.Sprintf("crash.%d.%d-%d", writer, number%2, i) || string(entry.Value) != strconv.Itoa(number) {
			return 0, fmt.Errorf("writer %d: %s=%s in batch %d", writer, entry.Key, entry.Value, number)
		}
	}
	return number, nil
}

// TestKilled kills a process in the midst of its commits, again and again. What it said was committed must be there, and
// of each batch all or nothing.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	var last [crashWriters]int
	for crash := range crashes {
		said := runAndKill(t, path, 1+rand.IntN(150))
		opened := open(t, path)
		for writer := range last {
			number, err := standing(opened, writer)
			if err != nil {
				t.Fatalf("crash %d: %v", crash, err)
			}
			if least := max(last[writer], said[writer]); number < least || number > max(said[writer], last[writer])+1 {
				t.Fatalf("crash %d: writer %d said %d, %d is there", crash, writer, least, number)
			}
			last[writer] = number
		}
		if err := opened.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d crashes, last batches %v", crashes, last)
}

// runAndKill kills a writing process after it said that it committed a number of batches, and returns the last of each
// writer that it said.
func runAndKill(t *testing.T, path string, batches int) (said [crashWriters]int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), crashPath+"="+path)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() { _ = command.Process.Kill() })
	lines := 0
	for scanner := bufio.NewScanner(output); scanner.Scan(); lines++ {
		var writer, number int
		if _, err := fmt.Sscanf(scanner.Text(), "%d %d", &writer, &number); err == nil {
			said[writer] = number
		}
		if lines == batches {
			kill()
		}
	}
	err = command.Wait()
	var exit *exec.ExitError
	if lines < batches || !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("writer ended by itself after %d batches: %v", lines, err)
	}
	return said
}
