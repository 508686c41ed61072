package main

import (
	"context"
	_ "embed" // for the configuration of the demonstration
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/examples"
	"github.com/cloud-agency/agency/proto"
)

//go:embed demo.yaml
var demoConfiguration []byte

type demoVerb struct {
	Keep bool   `help:"Leave it running afterwards, for a second terminal."`
	File string `placeholder:"FILE" help:"Application to show it with; examples/webshop.yaml by default."`
}

// Help implements kong.HelpProvider.
func (demoVerb) Help() string {
	return example("agency demo", "agency demo --keep        and then, in another terminal: agency status webshop")
}

const (
	demoApplication = "webshop.yaml"
	// cleanWithin bounds the removal of everything at the end.
	cleanWithin = 20 * time.Second
)

// Run shows everything, and takes it away again whatever happens.
func (v demoVerb) Run(ctx context.Context, s *session) error {
	began := s.now()
	data, err := os.MkdirTemp("", "agency-demo-*")
	if err != nil {
		return fmt.Errorf("make the demonstration's directory: %w", err)
	}
	settings, err := decodeConfiguration("demo.yaml", demoConfiguration)
	if err != nil {
		return err
	}
	s.screen.Line("agency %s: everything on this machine, in a directory that goes away again", version)
	s.screen.Line("")
	h, err := s.openHouse(ctx, data, settings)
	if err != nil {
		return errors.Join(err, os.RemoveAll(data))
	}
	err = v.live(ctx, s, h, began)
	err = closing(h, err)
	var left *leftOver
	if errors.As(err, &left) {
		s.notes.Line("What stands is remembered in %s; `agency up --data %s --config ...` takes it up again.", data, data)
		return err
	}
	return errors.Join(err, os.RemoveAll(data))
}

// live runs the agency for as long as the demonstration takes. The agents outlive the person's Ctrl-C, so that
// everything can be removed.
func (v demoVerb) live(ctx context.Context, s *session, h *house, began time.Time) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, running := errgroup.WithContext(running)
	ready := make(chan struct{})
	group.Go(func() error {
		return h.inhabit(running, func() error {
			close(ready)
			return h.openDoor(s)
		})
	})
	group.Go(func() error {
		defer stop()
		select {
		case <-ready:
		case <-running.Done():
			return nil
		}
		return v.act(ctx, s, h, began)
	})
	return group.Wait()
}

// act shows everything and removes it.
func (v demoVerb) act(ctx context.Context, s *session, h *house, began time.Time) error {
	peer, err := dial(ctx, h.door(), h.logs.log)
	if err != nil {
		return err
	}
	defer func() { _ = peer.Close() }()
	file, err := v.application(h.data)
	if err != nil {
		return err
	}
	course := &show{session: s, agency: client.New(peer), house: h, began: began, file: file}
	err = course.run(ctx)
	if err == nil && v.Keep {
		course.keep(ctx)
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanWithin)
	defer cancel()
	left := course.clean(clean)
	if interrupted(ctx) {
		return left // what Ctrl-C broke off is no fault
	}
	return errors.Join(err, left)
}

// application is the file to show the agency with: the one given, the repository's, or the program's own copy.
func (v demoVerb) application(data string) (string, error) {
	if v.File != "" {
		return v.File, nil
	}
	if beside := filepath.Join("examples", demoApplication); isFile(beside) {
		return beside, nil
	}
	directory := filepath.Join(data, "examples")
	if err := os.CopyFS(directory, examples.Files); err != nil {
		return "", fmt.Errorf("unpack the examples: %w", err)
	}
	return filepath.Join(directory, demoApplication), nil
}

func isFile(name string) bool {
	information, err := os.Stat(name)
	return err == nil && information.Mode().Type() == fs.FileMode(0)
}

// door is how clients reach the house.
func (h *house) door() connection {
	return connection{
		URL: h.server.URL(), Data: h.data,
		Credentials: h.credentialsFile(proto.Identity{Role: proto.RoleClient, Name: clientName}),
	}
}

// leftOver is the error of what could not be removed.
type leftOver struct{ what string }

func (l *leftOver) Error() string { return l.what }

// keep leaves everything running until Ctrl-C.
func (st *show) keep(ctx context.Context) {
	s := st.session
	s.screen.Line("")
	s.screen.Line("It goes on running. In a second terminal:")
	for _, line := range []string{
		"agency status " + st.name, "agency resources", "agency events -f " + st.name, "agency compare " + st.name,
		"agency scale " + st.name + " " + st.scaled + "=4", "agency vendors", "agency submit examples/hello.yaml --accept best",
	} {
		s.screen.Line("  %s", s.screen.Paint(present.Bold, line))
	}
	s.screen.Line("Ctrl-C removes everything.")
	<-ctx.Done()
}
