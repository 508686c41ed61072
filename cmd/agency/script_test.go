package main

import (
	"errors"
	"flag"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test's own program the one that the scripts run as "agency", also for the keepers of machines, and as
// "nats-server".
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"agency": main, "nats-server": natsServer})
}

// natsServer does what NATS's own program does, and says when it is ready.
func natsServer() {
	flags := flag.NewFlagSet("nats-server", flag.ExitOnError)
	settings, err := server.ConfigureOptions(flags, os.Args[1:], flags.Usage, flags.Usage, flags.Usage)
	if err != nil {
		log.Fatal(err)
	}
	serving, err := server.NewServer(settings)
	if err != nil {
		log.Fatal(err)
	}
	serving.ConfigureLogger()
	if err := server.Run(serving); err != nil {
		log.Fatal(err)
	}
	serving.WaitForShutdown()
}

// TestScripts runs the command line as people do. The scripts are meant to be read.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("EXAMPLES", examples)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector would keep every process a second longer
			running := &background{processes: map[string]*program{}}
			env.Values[backgroundKey{}] = running
			env.Defer(running.clean)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "start": start, "quit": quit, "crash": crash, "wait-for": waitFor, "tidy": tidy, "nowhere": nowhere,
			"reach": reach, "meanwhile": meanwhile,
		},
	})
}

// exits runs a command and wants one exit code of it: exits 3 agency status nothing
func exits(script *testscript.TestScript, _ bool, arguments []string) {
	if len(arguments) < 2 {
		script.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	want, err := strconv.Atoi(arguments[0])
	if err != nil {
		script.Fatalf("%q is not an exit code", arguments[0])
	}
	err = script.Exec(arguments[1], arguments[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		script.Fatalf("%v", err)
	}
	if got != want {
		script.Fatalf("exit code %d, want %d", got, want)
	}
}
