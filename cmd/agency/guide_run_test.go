package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// How long one command of a guide may take on a busy machine, and one that builds where nothing was built before.
const (
	guidePatience = time.Minute
	buildPatience = 5 * time.Minute
)

// TestGuidesRun runs every command that the documentation shows, page by page.
func TestGuidesRun(t *testing.T) {
	for _, page := range guidePages(t) {
		read := readGuide(t, page)
		if !slices.ContainsFunc(read.blocks, func(b guideBlock) bool { return b.kind == "console" }) {
			continue
		}
		t.Run(read.page, func(t *testing.T) {
			t.Parallel()
			reader := newReader(t)
			for _, block := range read.blocks {
				reader.follow(t, block)
			}
		})
	}
}

// reader does what a page says, in a directory and with a home of its own.
type reader struct {
	directory   string
	environment []string
	left        []*guideProcess
	// source is where a copy of the source is, once one was needed.
	source string
}

// guideProcess is a command that was left running.
type guideProcess struct {
	command *exec.Cmd
	output  lockedBuffer
}

// lockedBuffer is written by a process while a test reads it.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(written []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(written)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

func newReader(t *testing.T) *reader {
	directory := t.TempDir()
	if err := copyTree(filepath.Join(directory, "examples"), "../../examples"); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(directory, "source", "bin")
	r := &reader{directory: directory, environment: append(os.Environ(),
		"PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "HOME="+directory, "XDG_STATE_HOME="+filepath.Join(directory, "state"), "GORACE=atexit_sleep_ms=0",
		"AGENCY_DATA=", "AGENCY_CONFIG=", "AGENCY_CONNECTION=", "AGENCY_NATS=", "AGENCY_CREDENTIALS=", "NO_COLOR=1",
	)}
	t.Cleanup(func() {
		removeEverything(r.environment)
		r.stop(t)
	})
	return r
}

// follow does what one block says.
func (r *reader) follow(t *testing.T, block guideBlock) {
	t.Helper()
	if file, is := strings.CutPrefix(block.mark, "file: "); is {
		directory := r.directory
		if strings.Contains(file, "/") {
			directory = r.copySource(t)
		}
		file = filepath.Join(directory, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(block.text), 0o600)); err != nil {
			t.Fatal(err)
		}
		return
	}
	if block.kind != "console" || block.mark == "test: elsewhere" {
		return
	}
	if block.mark == "test: stop" {
		r.stop(t)
	}
	directory := r.directory
	if block.mark == "test: in the source" {
		directory = r.copySource(t)
	}
	for _, command := range block.commands(t) {
		if block.mark == "test: background" {
			r.leave(t, command)
		} else {
			r.run(t, directory, command)
		}
	}
}

// copySource copies the source, once, and says where it is. What is built there is the "agency" of the page from then on.
func (r *reader) copySource(t *testing.T) string {
	t.Helper()
	if r.source != "" {
		return r.source
	}
	r.source = filepath.Join(r.directory, "source")
	if err := copyTree(r.source, "../.."); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} { // which would be looked for at home
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		r.environment = append(r.environment, name+"="+strings.TrimSpace(string(value)))
	}
	return r.source
}

// copyTree copies a directory without what is hidden, built or installed in it.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		relative := strings.TrimPrefix(path, from)
		switch name := entry.Name(); {
		case err != nil:
			return err
		case relative == "":
			return os.MkdirAll(to, 0o700)
		case entry.IsDir() && (strings.HasPrefix(name, ".") || name == "bin" || name == "node_modules"):
			return fs.SkipDir
		case entry.IsDir():
			return os.Mkdir(filepath.Join(to, relative), 0o700)
		case !entry.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		return errors.Join(err, os.WriteFile(filepath.Join(to, relative), content, 0o600))
	})
}

func (r *reader) shell(ctx context.Context, directory, command string) *exec.Cmd {
	shell := exec.CommandContext(ctx, "bash", "-c", "set -o pipefail; "+command)
	shell.Dir, shell.Env = directory, r.environment
	return shell
}

// run runs a command to its end and compares what it prints and how it ends.
func (r *reader) run(t *testing.T, directory string, command shown) {
	t.Helper()
	patience := guidePatience
	if directory == r.source {
		patience = buildPatience
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	shell := r.shell(ctx, directory, command.command)
	output, _ := shell.CombinedOutput() // the exit code tells
	if code := strconv.Itoa(shell.ProcessState.ExitCode()); code != command.exit {
		t.Fatalf("line %d: %s\nends with %s, and should with %s:\n%s", command.line, command.command, code, command.exit, output)
	}
	if missing := command.missing(string(output)); missing != "" {
		t.Fatalf("line %d: %s\ndoes not print %q where it should:\n%s", command.line, command.command, missing, output)
	}
}

// leave runs a command in the background, and waits until it has printed what is shown.
func (r *reader) leave(t *testing.T, command shown) {
	t.Helper()
	if len(command.output) == 0 {
		t.Fatalf("line %d: %s\nshows nothing to wait for", command.line, command.command)
	}
	started := &guideProcess{command: r.shell(context.WithoutCancel(t.Context()), r.directory, "exec "+command.command)}
	started.command.Stdout, started.command.Stderr = &started.output, &started.output
	if err := started.command.Start(); err != nil {
		t.Fatal(err)
	}
	r.left = append(r.left, started)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(guidePatience)
	for command.missing(started.output.String()) != "" {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("line %d: %s\ndoes not print %q:\n%s", command.line, command.command,
				command.missing(started.output.String()), started.output.String())
		}
	}
}

// stop ends what was left running, the last one first, and wants it to end well.
func (r *reader) stop(t *testing.T) {
	t.Helper()
	slices.Reverse(r.left)
	for _, left := range r.left {
		_ = left.command.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = left.command.Wait()                          // the exit code tells
		if code := left.command.ProcessState.ExitCode(); code != 0 && code != 6 {
			t.Errorf("%s ends with %d:\n%s", left.command.Args, code, left.output.String())
		}
	}
	r.left = nil
}
