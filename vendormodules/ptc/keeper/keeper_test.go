package keeper_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules/ptc/keeper"
	"github.com/cloud-agency/agency/vendormodules/ptc/limits"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// TestMain lets the test's program be the keepers, on a host that can neither confine nor limit.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "keeper" {
		syscall.Exit(keeper.Main(keeper.Host{Groups: limits.Host{Self: "/nowhere"}}, os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

const wait = 30 * time.Second

func program(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// machine lays out a machine that runs commands, and ends its keeper with the test.
func machine(t *testing.T, run ...string) record.Directory {
	t.Helper()
	directory := record.Directory(t.TempDir())
	for _, name := range []string{directory.Root(), directory.Volumes()} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	of := record.Record{Key: "m", Name: "m-1", Class: descriptors.Class{Type: descriptors.Compute, Run: run}, Prepared: true}
	if err := directory.Write(of); err != nil {
		t.Fatal(err)
	}
	return directory
}

func launch(t *testing.T, launcher *keeper.Launcher, directory record.Directory) {
	t.Helper()
	if err := launcher.Start(t.Context(), directory, program(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := launcher.Stop(context.Background(), directory); err != nil {
			t.Error(err)
		}
	})
}

func until(t *testing.T, directory record.Directory, phase record.Phase) record.Status {
	t.Helper()
	var status record.Status
	vendortest.Eventually(t, wait, fmt.Sprintf("the phase is %s", phase), func() (err error) {
		if status, _, err = keeper.Look(directory); err == nil && status.Phase != phase {
			err = fmt.Errorf("it is %s %s", status.Phase, status.Fault)
		}
		return err
	})
	return status
}

func TestWhatTheHostCannotDoIsSaid(t *testing.T) {
	directory := machine(t, "exec sleep 86400")
	launch(t, &keeper.Launcher{}, directory)
	status := until(t, directory, record.Running)
	for _, part := range []string{"not confined to its own files", "memory and CPU are not limited"} {
		if !slices.ContainsFunc(status.Warnings, func(warning string) bool { return strings.HasPrefix(warning, part) }) {
			t.Errorf("the warnings %q say nothing of %q", status.Warnings, part)
		}
	}
}

func TestThereIsOneKeeper(t *testing.T) {
	directory := machine(t, "exec sleep 86400")
	launcher := &keeper.Launcher{}
	launch(t, launcher, directory)
	first := until(t, directory, record.Running).Keeper
	if err := launcher.Start(t.Context(), directory, program(t)); err != nil {
		t.Errorf("Start again: %v", err)
	}
	output, err := exec.Command(program(t), "keeper", string(directory)).Output()
	if string(output) != "busy\n" || err != nil {
		t.Errorf("another keeper prints %q, %v", output, err)
	}
	if status, kept, err := keeper.Look(directory); !kept || err != nil || status.Keeper != first {
		t.Errorf("the keeper was %+v, and is %+v, %v", first, status.Keeper, err)
	}
	if err := launcher.Stop(t.Context(), directory); err != nil {
		t.Error(err)
	}
	if status, kept, err := keeper.Look(directory); kept || err != nil || status.Phase != record.Stopped {
		t.Errorf("stopped, it is %+v, %v, %v", status, kept, err)
	}
	launch(t, launcher, directory)
	if second := until(t, directory, record.Running).Keeper; second == first {
		t.Error("started again, it has the same keeper")
	}
}

func TestAKeeperWaitsForWhoeverHasTheLock(t *testing.T) {
	directory := machine(t, "exec sleep 86400")
	file, err := os.Create(directory.Lock())
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	release := time.AfterFunc(100*time.Millisecond, func() { file.Close() })
	defer release.Stop()
	launch(t, &keeper.Launcher{}, directory)
	until(t, directory, record.Running)
}

func TestAConsoleIsBounded(t *testing.T) {
	directory := machine(t, `yes "a line of the console" | head -c 5000000; echo the end; exec sleep 86400`)
	launch(t, &keeper.Launcher{}, directory)
	vendortest.Eventually(t, wait, "the end is printed", func() error {
		content, err := os.ReadFile(directory.Console())
		if err == nil && !strings.HasSuffix(string(content), "the end\n") {
			err = fmt.Errorf("the console has %d bytes", len(content))
		}
		return err
	})
	for _, path := range []string{directory.Console(), keeper.OldConsole(directory.Console())} {
		if information, err := os.Stat(path); err != nil || information.Size() > 1<<20 {
			t.Errorf("%s has %d bytes, %v", path, information.Size(), err)
		}
	}
}

func TestAKeeperThatCannotStartSaysWhy(t *testing.T) {
	deleting := machine(t)
	of, err := deleting.Read()
	if err != nil {
		t.Fatal(err)
	}
	of.Deleting = true
	if err := deleting.Write(of); err != nil {
		t.Fatal(err)
	}
	launcher := &keeper.Launcher{}
	if err := launcher.Start(t.Context(), deleting, program(t)); err == nil || !strings.Contains(err.Error(), "is being deleted") {
		t.Errorf("Start of what is being deleted: %v", err)
	}
	if err := launcher.Start(t.Context(), machine(t), "/no/such/program"); err == nil {
		t.Error("Start by a program that is not there makes no error")
	}
	for _, arguments := range [][]string{nil, {"one", "two"}} {
		if code := keeper.Main(keeper.Host{}, arguments); code != 2 {
			t.Errorf("with arguments %q the exit code is %d", arguments, code)
		}
	}
}
