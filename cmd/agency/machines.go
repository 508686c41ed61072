package main

import (
	"context"
	"fmt"

	"github.com/alecthomas/kong"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/proto"
)

// machineArguments name a machine, or a class, of a deployment.
type machineArguments struct {
	Name    string `arg:"" help:"Name of the deployment."`
	Machine string `arg:"" help:"Name of a machine, web-1, or of a class, web, for all of it."`
	waiting
	reading
	target
}

// Run does with machines what the verb's own name says.
func (v machineArguments) Run(ctx context.Context, s *session, line *kong.Context) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	verb := proto.DeploymentVerb(line.Selected().Name)
	start := func() (client.Operation, error) { return agency.Power(ctx, verb, v.Name, v.Machine) }
	return s.follow(ctx, agency, following{v.Name, start, v.Wait, v.Output})
}

type startVerb struct{ machineArguments }

// Help implements kong.HelpProvider.
func (startVerb) Help() string { return example("agency start shop web-1", "agency start shop web") }

type stopVerb struct{ machineArguments }

// Help implements kong.HelpProvider.
func (stopVerb) Help() string {
	return example(
		"agency stop shop web-1     load balancers leave it out first; it stays stopped until it is started",
		"agency stop shop web       all machines of a class")
}

type rebootVerb struct{ machineArguments }

// Help implements kong.HelpProvider.
func (rebootVerb) Help() string {
	return example("agency reboot shop web-1", "agency reboot shop web       one after another")
}

type deleteVerb struct {
	Name    string `arg:"" help:"Name of the deployment."`
	Machine string `arg:"" help:"Name of a machine, web-3."`
	Yes     bool   `short:"y" help:"Do not ask."`
	waiting
	reading
	target
}

// Help implements kong.HelpProvider.
func (deleteVerb) Help() string {
	return example("agency delete shop web-3 -y     its class has one fewer from then on")
}

// Run deletes one machine.
func (v deleteVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	what := fmt.Sprintf("%s of %s, with the volumes of its own", v.Machine, v.Name)
	if err := s.confirm(ctx, "Delete", what, v.Yes); err != nil {
		return err
	}
	start := func() (client.Operation, error) { return agency.DeleteMachine(ctx, v.Name, v.Machine) }
	return s.follow(ctx, agency, following{v.Name, start, v.Wait, v.Output})
}

type attachVerb struct {
	Name    string `arg:"" help:"Name of the deployment."`
	Volume  string `arg:"" help:"Name of a volume of it."`
	Machine string `arg:"" help:"Name of a machine of it."`
	Mount   string `arg:"" help:"Where the machine is to see it: an absolute path."`
	waiting
	reading
	target
}

// Help implements kong.HelpProvider.
func (attachVerb) Help() string { return example("agency attach shop data web-1 /mnt") }

// Run attaches a volume.
func (v attachVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	start := func() (client.Operation, error) { return agency.Attach(ctx, v.Name, v.Volume, v.Machine, v.Mount) }
	return s.follow(ctx, agency, following{v.Name, start, v.Wait, v.Output})
}

type detachVerb struct {
	Name    string `arg:"" help:"Name of the deployment."`
	Volume  string `arg:"" help:"Name of a volume of it."`
	Machine string `arg:"" help:"Name of the machine that has it."`
	waiting
	reading
	target
}

// Help implements kong.HelpProvider.
func (detachVerb) Help() string { return example("agency detach shop data web-1") }

// Run detaches a volume.
func (v detachVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	start := func() (client.Operation, error) { return agency.Detach(ctx, v.Name, v.Volume, v.Machine) }
	return s.follow(ctx, agency, following{v.Name, start, v.Wait, v.Output})
}

type consoleVerb struct {
	Name    string `arg:"" help:"Name of the deployment."`
	Machine string `arg:"" help:"Name of a machine, web-1."`
	Follow  bool   `short:"f" help:"Go on with what it prints, until Ctrl-C."`
	target
}

// Help implements kong.HelpProvider.
func (consoleVerb) Help() string {
	return example("agency console shop web-1", "agency console shop web-1 -f")
}

// Run shows what a machine has printed, as it printed it.
func (v consoleVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	err = agency.Console(ctx, v.Name, v.Machine, v.Follow, s.out)
	if v.Follow && interrupted(ctx) {
		return nil
	}
	return err
}
