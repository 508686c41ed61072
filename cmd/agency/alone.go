package main

import (
	"context"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/proto"
)

// alone are the flags of the verbs that run one role in a process of its own.
type alone struct {
	NATS        string `name:"nats" placeholder:"URL" help:"Address of the bus ($AGENCY_NATS); the one in the credentials by default."`
	Credentials string `placeholder:"FILE" help:"The agent's credentials ($AGENCY_CREDENTIALS), as agency enrol writes them."`
	Data        string `placeholder:"DIR" help:"Directory of the agent's own ($AGENCY_DATA)."`
}

// runAlone runs one agent until it is told to stop. The bus need not be there yet.
func (s *session) runAlone(ctx context.Context, flags alone, identity proto.Identity, settings configuration, make maker) error {
	credentials, err := s.ownCredentials(flags, identity)
	if err != nil {
		return err
	}
	data, err := s.dataDirectory(flags.Data, settings)
	if err != nil {
		return err
	}
	level, err := settings.level()
	if err != nil {
		return err
	}
	written, err := openLogs(data, identity.String(), level, s.err)
	if err != nil {
		return err
	}
	defer func() { _ = written.close() }()
	one := role{
		connect: bus.Options{
			URL: s.or(flags.NATS, "AGENCY_NATS"), Wait: true, Credentials: credentials, Log: written.log.Named(identity.String()),
		},
		data: data, logs: written, intervals: settings.Intervals, make: make,
	}
	return one.run(ctx, func() { s.screen.Line("%s ready, data in %s", identity, agentDirectory(data, identity)) })
}

// ownCredentials are those of the identity, and nobody else's.
func (s *session) ownCredentials(flags alone, identity proto.Identity) (bus.Credentials, error) {
	hint := "agency enrol " + commandOf(identity) + " makes them"
	file := s.or(flags.Credentials, "AGENCY_CREDENTIALS")
	if file == "" {
		return bus.Credentials{}, badInput(hint, "%s needs its credentials: --credentials FILE", identity)
	}
	credentials, err := bus.LoadCredentials(file)
	switch {
	case err != nil:
		return credentials, &client.Error{Code: client.CodeBadInput, At: file, Message: "cannot be used: " + err.Error(), Hint: hint}
	case credentials.Identity != identity:
		return credentials, badInput(hint, "%s holds the credentials of %s, not of %s", file, credentials.Identity, identity)
	case credentials.URL == "" && s.or(flags.NATS, "AGENCY_NATS") == "":
		return credentials, badInput("add --nats URL", "%s does not say where the bus is", file)
	}
	return credentials, nil
}

type brokerVerb struct{ alone }

// Help implements kong.HelpProvider.
func (brokerVerb) Help() string { return roleExample("broker") }

// Run runs the broker.
func (v brokerVerb) Run(ctx context.Context, s *session) error {
	return s.runAlone(ctx, v.alone, proto.Agent(proto.RoleBroker), configuration{}, makeBroker)
}

type deployerVerb struct{ alone }

// Help implements kong.HelpProvider.
func (deployerVerb) Help() string { return roleExample("deployer") }

// Run runs the deployer.
func (v deployerVerb) Run(ctx context.Context, s *session) error {
	return s.runAlone(ctx, v.alone, proto.Agent(proto.RoleDeployer), configuration{}, makeDeployer)
}

type monitorVerb struct{ alone }

// Help implements kong.HelpProvider.
func (monitorVerb) Help() string { return roleExample("monitor") }

// Run runs the monitor.
func (v monitorVerb) Run(ctx context.Context, s *session) error {
	return s.runAlone(ctx, v.alone, proto.Agent(proto.RoleMonitor), configuration{}, makeMonitor)
}

func roleExample(role string) string {
	return example(
		"agency enrol "+role+" --data /var/lib/agency",
		"agency "+role+" --nats nats://10.0.0.1:4222 --credentials "+role+".creds --data "+role)
}

type vendorVerb struct {
	Name   string `arg:"" help:"Name of the vendor."`
	Config string `placeholder:"FILE" help:"Configuration with the vendor in it ($AGENCY_CONFIG)."`
	alone
}

// Help implements kong.HelpProvider.
func (vendorVerb) Help() string {
	return example(
		"agency enrol vendor ptc-berlin --data /var/lib/agency",
		"agency vendor ptc-berlin --credentials vendor.ptc-berlin.creds --config berlin.yaml --data berlin")
}

// Run runs a vendor agent with the module that the configuration names for it; ptc with its defaults without one.
func (v vendorVerb) Run(ctx context.Context, s *session) error {
	if err := proto.CheckName(v.Name); err != nil {
		return badInput("", "%s", err)
	}
	settings, err := s.vendorSettings(s.or(v.Config, "AGENCY_CONFIG"), v.Name)
	if err != nil {
		return err
	}
	vendors, _ := settings.vendors() // faults were told when the configuration was read
	for _, one := range vendors {
		if one.Name == v.Name {
			return s.runAlone(ctx, v.alone, proto.Vendor(v.Name), settings, vendorMaker(one, settings.file))
		}
	}
	return badInput("vendors: { "+v.Name+": { module: ptc } }", "%s names no vendor %s", settings.file, v.Name)
}

func (s *session) vendorSettings(file, name string) (configuration, error) {
	if file != "" {
		return s.readConfiguration(file)
	}
	return decodeConfiguration("default", []byte("vendors: { "+name+": { module: ptc } }\n"))
}
