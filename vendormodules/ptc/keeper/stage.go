package keeper

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/vendormodules/ptc/confine"
	"github.com/cloud-agency/agency/vendormodules/ptc/limits"
)

// confineFlag makes a keeper the stage between the keeper and one of its commands.
const confineFlag = "--confine"

// reportFile is the descriptor on which the stage says why a command cannot be started. It is closed without a word
// when the command has been.
const reportFile = 3

// paths is a flag that can be given several times.
type paths []string

func (p *paths) String() string         { return strings.Join(*p, " ") }
func (p *paths) Set(value string) error { *p = append(*p, value); return nil }

// staging is what a stage is told.
type staging struct {
	keeper  int
	level   confine.Level
	own     paths
	read    paths
	groups  paths
	command string
	// arguments of the command, which is then a script.
	rest []string
}

// arguments of the program that becomes the stage.
func (s staging) arguments(program string) []string {
	arguments := []string{
		program, "keeper", confineFlag, fmt.Sprintf("--keeper=%d", s.keeper), fmt.Sprintf("--level=%d", s.level),
	}
	for name, values := range map[string]paths{"own": s.own, "read": s.read, "group": s.groups} {
		for _, value := range values {
			arguments = append(arguments, "--"+name+"="+value)
		}
	}
	return append(append(arguments, "--", s.command), s.rest...)
}

func parseStaging(arguments []string) (staging, error) {
	var s staging
	flags := flag.NewFlagSet("keeper "+confineFlag, flag.ContinueOnError)
	flags.IntVar(&s.keeper, "keeper", 0, "process number of the keeper")
	flags.IntVar((*int)(&s.level), "level", 0, "version of Landlock")
	flags.Var(&s.own, "own", "directory to do as it likes in")
	flags.Var(&s.read, "read", "file or directory to read")
	flags.Var(&s.groups, "group", "control group to join")
	if err := flags.Parse(arguments); err != nil {
		return s, err
	}
	if flags.NArg() < 1 {
		return s, errors.New("a command is needed")
	}
	s.command, s.rest = flags.Arg(0), flags.Args()[1:]
	return s, nil
}

// stage confines itself and becomes a shell with the command; it returns only when it cannot.
func stage(arguments []string) int {
	runtime.LockOSThread() // confinement and the wish to die with the keeper are the thread's that executes
	unix.CloseOnExec(reportFile)
	s, err := parseStaging(arguments)
	if err == nil {
		err = s.become()
	}
	if _, failure := unix.Write(reportFile, []byte(err.Error())); failure != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 127
}

func (s staging) become() error {
	if err := limits.Join(s.groups); err != nil {
		return err
	}
	if err := s.level.Thread(s.own, s.read); err != nil {
		return err
	}
	if err := confine.DropRights(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("tie to the keeper: %w", err)
	}
	if os.Getppid() != s.keeper {
		return errors.New("the keeper is gone")
	}
	shell := append([]string{"sh", "-c", s.command, "sh"}, s.rest...)
	return fmt.Errorf("start /bin/sh: %w", syscall.Exec("/bin/sh", shell, os.Environ()))
}
