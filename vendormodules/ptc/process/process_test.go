package process_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/vendormodules/ptc/process"
)

// start starts a command with a variable in its environment, which is killed when the test ends.
func start(t *testing.T, variable string, words ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(words[0], words[1:]...)
	command.Env = append(os.Environ(), variable)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	return command
}

func TestAnIdentityIsOneProcess(t *testing.T) {
	command := start(t, "A=b", "sleep", "86400")
	identity, err := process.Identify(command.Process.Pid)
	if err != nil || !identity.Alive() {
		t.Fatalf("%+v, %v", identity, err)
	}
	for _, other := range []process.Identity{
		{PID: identity.PID, Started: identity.Started + 1, Boot: identity.Boot},
		{PID: identity.PID, Started: identity.Started, Boot: "another"},
		{},
	} {
		if other.Alive() {
			t.Errorf("%+v lives", other)
		}
		if err := other.Signal(unix.SIGKILL); err != nil {
			t.Errorf("Signal to %+v: %v", other, err)
		}
	}
	if !identity.Alive() {
		t.Fatal("a signal to another one ended it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := identity.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait: %v", err)
	}
	if err := identity.Signal(unix.SIGKILL); err != nil {
		t.Error(err)
	}
	if err := identity.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if identity.Alive() { // nobody has waited for it yet
		t.Error("it lives after its end")
	}
	if err := identity.Signal(unix.SIGTERM); err != nil {
		t.Errorf("Signal to what has ended: %v", err)
	}
}

func TestTheTreeBelowAProcess(t *testing.T) {
	const variable = "PROCESS_TEST=tree"
	command := start(t, variable, "sh", "-c", "sleep 86400 & (sleep 86400; true) & wait")
	deadline := time.Now().Add(20 * time.Second)
	for {
		table, err := process.All()
		if err != nil {
			t.Fatal(err)
		}
		below := table.Below(command.Process.Pid)
		marked, err := process.Marked("PROCESS_TEST", "tree")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, one := range below {
			names = append(names, one.Name)
		}
		if slices.Sort(names); slices.Equal(names, []string{"sh", "sleep", "sleep"}) && len(marked) == 4 {
			if err := process.Kill(marked); err != nil {
				t.Error(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("below are %q, marked are %v", names, marked)
		}
	}
	if mine, err := process.All(); err != nil || mine[os.Getpid()].Memory <= 0 || mine[os.Getpid()].Parent != os.Getppid() {
		t.Errorf("this process is shown as %+v, %v", mine[os.Getpid()], err)
	}
}
