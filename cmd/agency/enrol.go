package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/proto"
)

type enrolVerb struct {
	Role string `arg:"" enum:"broker,vendor,deployer,monitor,client" help:"broker, vendor, deployer, monitor or client."`
	Name string `arg:"" optional:"" help:"Name of the vendor or client."`
	Data string `placeholder:"DIR" help:"Data directory of the agency; by default the running one's."`
	To   string `placeholder:"FILE" help:"Credentials file to write; NAME.creds by default."`
	Once bool   `help:"Do nothing where the file is there already."`
	reading
}

// Help implements kong.HelpProvider.
func (enrolVerb) Help() string {
	return example(
		"agency enrol vendor berlin --to berlin.creds",
		"agency enrol client ada",
		"agency vendor berlin --credentials berlin.creds --config berlin.yaml")
}

// enrolment is what enrol prints for programs.
type enrolment struct {
	Identity    string `json:"identity"`
	Credentials string `json:"credentials"`
	URL         string `json:"url,omitempty"`
}

// Run makes the credentials, and tells a running agency about the newcomer.
func (v enrolVerb) Run(ctx context.Context, s *session) error {
	identity, err := v.identity()
	if err != nil {
		return err
	}
	running, err := s.running(v.Data)
	if err != nil {
		return err
	}
	file := v.To
	if file == "" {
		file = identity.String() + ".creds"
	}
	if _, err := os.Stat(file); err == nil {
		if v.Once {
			return s.print(v.Output, enrolment{Identity: identity.String(), Credentials: file}, func() {
				s.screen.Line("%s was enrolled before; %s stays as it is.", identity, file)
			})
		}
		return badInput("give another file with --to", "%s is there already, and is not written over", file)
	}
	credentials, err := v.make(ctx, running, identity, file)
	if err != nil {
		return err
	}
	document := enrolment{identity.String(), file, credentials.URL}
	return s.print(v.Output, document, func() {
		s.screen.Line("%s is enrolled; %s holds its keys and is for its eyes only.", identity, file)
		if identity.Role == proto.RoleClient {
			s.screen.Line("Next: agency vendors --nats %s --credentials %s", orURL(credentials.URL), file)
			return
		}
		s.screen.Line("Next: agency %s --nats %s --credentials %s", commandOf(identity), orURL(credentials.URL), file)
	})
}

func orURL(url string) string {
	if url == "" {
		return "URL"
	}
	return url
}

// commandOf is the verb that runs an agent.
func commandOf(identity proto.Identity) string {
	if identity.Role.Singleton() {
		return string(identity.Role)
	}
	return string(identity.Role) + " " + identity.Name
}

func (v enrolVerb) identity() (proto.Identity, error) {
	role := proto.Role(v.Role)
	switch {
	case role.Singleton() && v.Name == "":
		return proto.Agent(role), nil
	case role.Singleton():
		return proto.Identity{}, badInput("", "there is one %s, which needs no name", role)
	}
	if err := proto.CheckName(v.Name); err != nil {
		return proto.Identity{}, badInput("agency enrol "+v.Role+" NAME", "%s", err)
	}
	return proto.Identity{Role: role, Name: v.Name}, nil
}

// running is the agency of a data directory, or the one that the pointer names; without a URL if it does not run.
func (s *session) running(data string) (connection, error) {
	data = s.or(data, "AGENCY_DATA")
	if data == "" {
		return s.findRunning(s.env("AGENCY_CONNECTION"))
	}
	data, err := filepath.Abs(data)
	if err != nil {
		return connection{}, err
	}
	if found, err := readConnection(filepath.Join(data, connectionFile)); err == nil && found.Process.Alive() {
		return found, nil
	}
	return connection{Data: data}, nil
}

func (v enrolVerb) make(
	ctx context.Context, running connection, identity proto.Identity, file string,
) (bus.Credentials, error) {
	directory := filepath.Join(running.Data, "authority")
	if _, err := os.Stat(directory); running.Data == "" || err != nil {
		return bus.Credentials{}, &client.Error{
			Code: client.CodeNotFound, Message: "there is no agency in " + running.Data,
			Hint: "agents are enrolled where the agency's keys are: give its --data",
		}
	}
	authority, err := bus.OpenAuthority(directory)
	if err != nil {
		return bus.Credentials{}, err
	}
	credentials, err := authority.Enrol(identity)
	if err != nil {
		return credentials, err
	}
	credentials.URL = running.URL
	if running.URL != "" {
		err = bus.Provision(ctx, running.URL, authority)
	}
	return credentials, errors.Join(err, credentials.Save(file))
}
