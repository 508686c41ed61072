package filelock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cloud-agency/agency/agents/store/filelock"
)

// TestMain is also the process that holds a lock, or one that inherits it, when its first argument says so.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "hold" {
		hold(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// hold takes the lock, leaves it to a child, tells both ids, and waits to be killed.
func hold(path string) {
	if _, err := filelock.Acquire(context.Background(), path); err != nil {
		fmt.Println(err)
		return
	}
	inherited, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = inherited.Close()
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		fmt.Println(err)
		return
	}
	child := exec.Command("sleep", "60")
	for _, name := range files { // as a child that is not yet another program has every file of its parent
		if target, err := os.Readlink(name); err == nil && target == path {
			descriptor, _ := strconv.Atoi(filepath.Base(name))
			child.ExtraFiles = append(child.ExtraFiles, os.NewFile(uintptr(descriptor), path))
		}
	}
	if err := child.Start(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("held", os.Getpid(), child.Process.Pid)
	select {}
}

func TestOneHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := filelock.Acquire(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var held *filelock.HeldError
	if _, err := filelock.Acquire(t.Context(), path); !errors.As(err, &held) || held.Process != os.Getpid() {
		t.Errorf("a second lock: %v, want one held by %d", err, os.Getpid())
	}
	for range 2 {
		if err := lock.Release(); err != nil {
			t.Errorf("release: %v", err)
		}
	}
	again, err := filelock.Acquire(t.Context(), path)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
}

func TestKilledHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	holder := exec.CommandContext(t.Context(), os.Args[0], "hold", path)
	output, err := holder.StdoutPipe()
	if err == nil {
		err = holder.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) != 3 {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	child, err := strconv.Atoi(words[2])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(child, syscall.SIGKILL) })
	var held *filelock.HeldError
	if _, err := filelock.Acquire(t.Context(), path); !errors.As(err, &held) || held.Process != holder.Process.Pid {
		t.Fatalf("while it lives: %v, want one held by %d", err, holder.Process.Pid)
	}
	_ = holder.Process.Kill()
	_ = holder.Wait()

	// The child has the lock for as long as it lives; who comes now waits for that, and no longer.
	taken := make(chan error, 1)
	go func() {
		lock, err := filelock.Acquire(t.Context(), path)
		if err == nil {
			err = lock.Release()
		}
		taken <- err
	}()
	select {
	case err := <-taken:
		t.Fatalf("taken although the child still has it: %v", err)
	default:
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-taken; err != nil {
		t.Errorf("after the child's end: %v", err)
	}
}
