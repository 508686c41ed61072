package inert

import (
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
)

// Programs are the commands that get an answer, sorted.
const Programs = "cat, echo, false, hostname, pwd, sleep and true"

// notFound is the exit code of a program that is not there, as shells have it.
const notFound = 127

// Machine is what a command is answered from.
type Machine struct {
	Name string
	Tree Tree
	// Sleep lets time pass, and returns early, with its error, when the context ends.
	Sleep func(ctx context.Context, length time.Duration) error
	// Refusal is what is said of every other program.
	Refusal string
}

// Run answers a command, under the rules of vendormodules.Executor.
func (m Machine) Run(ctx context.Context, command vendormodules.Command, stdout, stderr io.Writer) (exit int, err error) {
	if len(command.Arguments) == 0 {
		return 0, fmt.Errorf("there is no command: %w", vendormodules.ErrInvalid)
	}
	program, arguments := command.Arguments[0], command.Arguments[1:]
	switch program {
	case "true":
	case "false":
		exit = 1
	case "echo":
		_, err = fmt.Fprintln(stdout, strings.Join(arguments, " "))
	case "hostname":
		_, err = fmt.Fprintln(stdout, m.Name)
	case "pwd":
		_, err = fmt.Fprintln(stdout, path.Clean("/"+command.Directory))
	case "cat":
		exit, err = m.cat(command, arguments, stdout, stderr)
	case "sleep":
		exit, err = m.sleep(ctx, arguments, stderr)
	default:
		exit = notFound
		_, err = fmt.Fprintf(stderr, "%s: not found: %s\n", program, m.Refusal)
	}
	return exit, err
}

// cat writes files one after the other, its input if there are none.
func (m Machine) cat(command vendormodules.Command, files []string, stdout, stderr io.Writer) (exit int, err error) {
	if len(files) == 0 && command.Input != nil {
		_, err = io.Copy(stdout, command.Input)
		return 0, err
	}
	for _, name := range files {
		at := name
		if !path.IsAbs(at) {
			at = path.Join("/", command.Directory, at)
		}
		content, there := m.Tree.File(at)
		if there {
			_, err = stdout.Write(content)
		} else {
			exit = 1
			_, err = fmt.Fprintf(stderr, "cat: %s: no such file\n", name)
		}
		if err != nil {
			return exit, err
		}
	}
	return exit, nil
}

func (m Machine) sleep(ctx context.Context, arguments []string, stderr io.Writer) (exit int, err error) {
	var seconds float64
	for _, argument := range arguments {
		more, err := strconv.ParseFloat(argument, 64)
		if err != nil || more < 0 {
			_, err = fmt.Fprintf(stderr, "sleep: %s is no number of seconds\n", argument)
			return 1, err
		}
		seconds += more
	}
	return 0, m.Sleep(ctx, time.Duration(min(seconds*float64(time.Second), float64(1<<62))))
}
