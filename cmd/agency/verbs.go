package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
)

const summary = "Cloud Agency finds, agrees, provisions and watches cloud resources at many vendors for an application " +
	"that is described once."

// verbs is the command line.
type verbs struct {
	Up    upVerb    `cmd:"" group:"agency" help:"Run an agency in the foreground: bus, store and every agent."`
	Init  initVerb  `cmd:"" group:"agency" help:"Write a first configuration and a first descriptor."`
	Check checkVerb `cmd:"" group:"agency" help:"Check everything an agency needs: what is wrong, and what to do."`
	Demo  demoVerb  `cmd:"" group:"agency" help:"Show everything, on this machine, in a directory that goes away again."`

	Validate   validateVerb   `cmd:"" group:"negotiate" help:"Check descriptors; sends nothing."`
	Vendors    vendorsVerb    `cmd:"" group:"negotiate" help:"List the vendors and what they have free."`
	Flavors    flavorsVerb    `cmd:"" group:"negotiate" help:"List the sizes of machines that vendors sell."`
	Images     imagesVerb     `cmd:"" group:"negotiate" help:"List what machines can be made of at vendors."`
	Submit     submitVerb     `cmd:"" group:"negotiate" help:"Call for proposals for an application; shows the bids."`
	Proposals  proposalsVerb  `cmd:"" group:"negotiate" help:"Show the proposals of a call, class by class."`
	Compare    compareVerb    `cmd:"" group:"negotiate" help:"Show the plans of a call side by side."`
	Counter    counterVerb    `cmd:"" group:"negotiate" help:"Answer a vendor's proposal with a counter-offer."`
	Accept     acceptVerb     `cmd:"" group:"negotiate" help:"Take a plan: agree with its vendors."`
	Reject     rejectVerb     `cmd:"" group:"negotiate" help:"Give a call up."`
	Descriptor descriptorVerb `cmd:"" group:"negotiate" help:"Print the deployment descriptor that was agreed on."`

	Deploy       deployVerb       `cmd:"" group:"run" help:"Create what was agreed on."`
	Status       statusVerb       `cmd:"" group:"run" help:"Show deployments, or one of them in detail."`
	Resources    resourcesVerb    `cmd:"" group:"run" help:"Ask the vendors what exists."`
	Apply        applyVerb        `cmd:"" group:"run" help:"Change a deployment to what a descriptor says; shows the plan first."`
	Scale        scaleVerb        `cmd:"" group:"run" help:"Bring a class to a count within its range."`
	Remove       removeVerb       `cmd:"" group:"run" help:"Remove a deployment and end its agreements."`
	Start        startVerb        `cmd:"" group:"run" help:"Start machines that were stopped."`
	Stop         stopVerb         `cmd:"" group:"run" help:"Stop machines; they stay stopped until started."`
	Reboot       rebootVerb       `cmd:"" group:"run" help:"Reboot machines, one after another."`
	Delete       deleteVerb       `cmd:"" group:"run" help:"Delete one machine."`
	Attach       attachVerb       `cmd:"" group:"run" help:"Attach a volume to a machine."`
	Detach       detachVerb       `cmd:"" group:"run" help:"Detach a volume from a machine."`
	Snapshot     snapshotVerb     `cmd:"" group:"run" help:"Make a snapshot of a volume, or an image of a machine."`
	Exec         execVerb         `cmd:"" group:"run" help:"Run a command in a machine."`
	Copy         copyVerb         `cmd:"" group:"run" help:"Copy files to a machine or from one."`
	Console      consoleVerb      `cmd:"" group:"run" help:"Show what a machine has printed."`
	Agreements   agreementsVerb   `cmd:"" group:"run" help:"List agreements and what they guarantee."`
	Applications applicationsVerb `cmd:"" group:"run" help:"List everything that has a name, from its call on."`
	Diff         diffVerb         `cmd:"" group:"run" help:"Compare a descriptor with what runs, and what is recorded with what exists."`
	Export       exportVerb       `cmd:"" group:"run" help:"Write everything about a deployment to files."`
	Logs         logsVerb         `cmd:"" group:"run" help:"Show what agents logged."`
	Events       eventsVerb       `cmd:"" group:"run" help:"Tell what happened."`
	Watch        watchVerb        `cmd:"" group:"run" help:"See deployments change, or wait for an operation."`

	Snapshots   snapshotsVerb   `cmd:"" group:"keep" help:"List and remove snapshots of volumes and images of machines."`
	Credentials credentialsVerb `cmd:"" group:"keep" help:"Store, list, check and remove what vendors need to act for you."`
	Enrol       enrolVerb       `cmd:"" group:"keep" help:"Give an agent its identity: writes its credentials file."`
	Completion  completionVerb  `cmd:"" group:"keep" help:"Print a script that completes command lines."`
	Complete    completeVerb    `cmd:"" hidden:""`
	Conformance conformanceVerb `cmd:"" group:"keep" help:"Put a vendor's agent through the protocol."`
	Version     versionVerb     `cmd:"" group:"keep" help:"Print the version."`

	Bus      busVerb      `cmd:"" group:"roles" help:"Run the bus alone."`
	Broker   brokerVerb   `cmd:"" group:"roles" help:"Run the broker alone."`
	Vendor   vendorVerb   `cmd:"" group:"roles" help:"Run one vendor agent alone."`
	Deployer deployerVerb `cmd:"" group:"roles" help:"Run the deployer alone."`
	Monitor  monitorVerb  `cmd:"" group:"roles" help:"Run the monitor alone."`
}

func groups() []kong.Group {
	return []kong.Group{
		{Key: "agency", Title: "An agency:"},
		{Key: "negotiate", Title: "From a descriptor to an agreement:"},
		{Key: "run", Title: "What runs:"},
		{Key: "keep", Title: "Keeping house:"},
		{Key: "roles", Title: "One role a process, on a shared bus:"},
		{Key: "target", Title: "Which agency:"},
	}
}

// reading is the flag of every verb that prints an object.
type reading struct {
	Output present.Format `short:"o" enum:"table,wide,json,yaml" default:"table" placeholder:"FORMAT" help:"table, wide (nothing left out or wrapped), json or yaml."`
}

// AfterApply is called when the flags are read. A wide table is a table on a wide screen.
func (r *reading) AfterApply(s *session) error { //nolint:unparam // the parser wants it
	if r.Output == present.FormatWide {
		r.Output, s.wide, s.screen.Width = present.FormatTable, true, present.NoLimit
	}
	return nil
}

// waiting is the flag of every verb that starts an operation.
type waiting struct {
	Wait bool `default:"true" negatable:"" help:"Wait for the end; --wait=false prints the operation's id instead."`
}

const exitCodes = `
Exit codes:
  0  done                              4  refused by a vendor or by policy
  1  failed                            5  unreachable: nobody answers, nothing was begun
  2  bad input: nothing was begun      6  the wait ended, the outcome is unknown
  3  not found

The running agency is found by the pointer in $XDG_STATE_HOME/agency; --nats, --credentials and
--connection, or $AGENCY_NATS, $AGENCY_CREDENTIALS and $AGENCY_CONNECTION, say otherwise. NO_COLOR is
honoured. "agency VERB --help" has examples.`

// printHelp adds the exit codes to the program's own help.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	if ctx.Selected() == nil {
		_, err := fmt.Fprintln(ctx.Stdout, exitCodes)
		return err
	}
	return nil
}

// usageError says what is wrong with a command line, and where to read more.
func usageError(arguments []string, err error) error {
	hint := "agency --help"
	if len(arguments) > 0 && !strings.HasPrefix(arguments[0], "-") && !strings.HasPrefix(err.Error(), "unexpected argument "+arguments[0]) {
		hint = "agency " + arguments[0] + " --help"
	}
	return &client.Error{Code: client.CodeBadInput, Message: err.Error(), Hint: hint}
}

// formatIn finds the output format in arguments that may be wrong otherwise, for the format of errors.
func formatIn(arguments []string) present.Format {
	for i, argument := range arguments {
		if argument == "--" {
			break // what follows is another program's
		}
		for _, prefix := range []string{"--output=", "-o=", "-o"} {
			if value, found := strings.CutPrefix(argument, prefix); found && value != "" {
				return present.Format(value)
			}
		}
		if (argument == "-o" || argument == "--output") && i+1 < len(arguments) {
			return present.Format(arguments[i+1])
		}
	}
	return present.FormatTable
}

// example makes the help of a verb of its examples.
func example(lines ...string) string {
	return "Examples:\n\n    " + strings.Join(lines, "\n    ")
}
