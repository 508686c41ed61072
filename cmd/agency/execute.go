package main

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/cloud-agency/agency/agents/client"
)

type execVerb struct {
	Name      string `arg:"" help:"Name of the deployment."`
	Machine   string `arg:"" help:"Name of a machine, web-1."`
	Directory string `short:"w" help:"Directory on the machine to run in."`
	Stdin     bool   `short:"i" help:"Hand on standard input, to its end."`
	target
	Command []string `arg:"" passthrough:"" help:"The command and its arguments, after --."`
}

// Help implements kong.HelpProvider.
func (execVerb) Help() string {
	return example(
		"agency exec shop web-1 -- ps aux",
		"agency exec -i shop web-1 -- sh < script.sh",
		"agency exec shop web-1 -- false || echo the command failed    its exit code, 125 if it was not run")
}

// notRun is the exit code where a command was not run, or nobody knows how it ended.
const notRun = 125

// exitStatus ends the program with the exit code of a command.
type exitStatus int

// Error implements error.
func (e exitStatus) Error() string { return "exit status " + strconv.Itoa(int(e)) }

// exitCode is what the program ends with after an error of a verb.
func exitCode(arguments []string, err error) int {
	var status exitStatus
	switch {
	case errors.As(err, &status):
		return int(status)
	case err != nil && len(arguments) > 0 && arguments[0] == "exec":
		return notRun
	}
	return int(client.ClassOf(err))
}

// Run runs a command in a machine.
func (v execVerb) Run(ctx context.Context, s *session) error {
	if len(v.Command) > 0 && v.Command[0] == "--" {
		v.Command = v.Command[1:]
	}
	if len(v.Command) == 0 {
		return badInput("agency exec shop web-1 -- ls", "there is no command")
	}
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	command := client.Command{Arguments: v.Command, Directory: v.Directory, Stdout: s.out, Stderr: s.err}
	if v.Stdin {
		command.Input = s.in
	}
	exit, err := agency.Execute(ctx, v.Name, v.Machine, command)
	if err == nil && exit != 0 {
		return exitStatus(exit)
	}
	return err
}

type copyVerb struct {
	From string `arg:"" help:"A path here, or NAME:MACHINE:/path."`
	To   string `arg:"" help:"The other of the two."`
	target
}

// Help implements kong.HelpProvider.
func (copyVerb) Help() string {
	return example(
		"agency copy page.html shop:web-1:/srv/page.html",
		"agency copy site/ shop:web-1:/srv/site/          the contents of a directory",
		"agency copy shop:web-1:/var/log/web.log .")
}

// place is a path, on a machine if it names one.
type place struct{ name, machine, path string }

// placeOf reads NAME:MACHINE:/path; everything else is a path here.
func placeOf(written string) place {
	parts := strings.SplitN(written, ":", 3)
	if len(parts) == 3 && parts[0] != "" && parts[1] != "" && !strings.Contains(parts[0]+parts[1], "/") && strings.HasPrefix(parts[2], "/") {
		return place{parts[0], parts[1], parts[2]}
	}
	return place{path: written}
}

// Run copies files to a machine or from one.
func (v copyVerb) Run(ctx context.Context, s *session) error {
	from, to := placeOf(v.From), placeOf(v.To)
	if (from.machine == "") == (to.machine == "") {
		return badInput("agency copy FILE shop:web-1:/path", "one of the two is on a machine, NAME:MACHINE:/path, and the other here")
	}
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	if from.machine == "" {
		return agency.CopyTo(ctx, from.path, to.name, to.machine, to.path)
	}
	return agency.CopyFrom(ctx, from.name, from.machine, from.path, to.path)
}
