package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"
)

type busVerb struct {
	Data      string `placeholder:"DIR" help:"Data directory ($AGENCY_DATA)."`
	Listen    string `placeholder:"HOST:PORT" help:"Address to listen on; 127.0.0.1 and any free port by default."`
	Configure string `placeholder:"FILE" help:"Write what the configuration of a NATS server of your own has to say, and end."`
	Server    string `placeholder:"URL" help:"Use that server, which has read the file, instead of running one."`
}

// Help implements kong.HelpProvider.
func (busVerb) Help() string {
	return example(
		"agency bus --data /var/lib/agency --listen 10.0.0.1:4222",
		"agency enrol broker --data /var/lib/agency",
		"agency broker --nats nats://10.0.0.1:4222 --credentials broker.creds --data broker",
		"agency bus --data /var/lib/agency --configure nats.conf",
		"nats-server --config nats.conf --jetstream --store_dir streams",
		"agency bus --data /var/lib/agency --server nats://127.0.0.1:4222")
}

// Run runs the bus until it is told to stop.
func (v busVerb) Run(ctx context.Context, s *session) error {
	settings := configuration{Listen: v.Listen}
	if _, _, err := settings.listen(); err != nil {
		return badInput("", "--listen: %s", err)
	}
	if v.Server != "" && v.Listen != "" {
		return badInput("", "--listen is of a server that the agency runs itself; the one at %s listens where it was told to", v.Server)
	}
	data, err := s.dataDirectory(v.Data, settings)
	if err != nil {
		return err
	}
	if v.Configure != "" {
		return v.configure(ctx, s, data)
	}
	h := newHouse(data, settings)
	h.elsewhere = v.Server
	if err := h.open(ctx, s); err != nil {
		return err
	}
	if err := h.openDoor(s); err != nil {
		return closing(h, err)
	}
	s.screen.Line("bus ready at %s, data in %s", h.url(), data)
	h.announce(ctx)
	return h.close()
}

// configure writes the part of a NATS server's configuration by which it admits the agents of this agency, and nobody
// else. It holds no secret.
func (v busVerb) configure(ctx context.Context, s *session, data string) error {
	h := newHouse(data, configuration{})
	write := func(context.Context, *session) error { return h.writeConfiguration(v.Configure) }
	if err := h.take(ctx, s, h.begin, h.enrolResidents, write); err != nil {
		return err
	}
	s.screen.Line("%s says whom a NATS server is to admit. Start it with that, and with JetStream; then", v.Configure)
	s.screen.Line("  agency bus --data %s --server URL", data)
	return h.close()
}

// written is the first line of such a file; a file without it is somebody else's.
const written = "# Written by `agency bus --configure`, and written over by it.\n"

func (h *house) writeConfiguration(file string) error {
	if there, err := os.ReadFile(file); err == nil && !strings.HasPrefix(string(there), written) {
		return badInput("give another file with --configure, and include it in that one", "%s is there already, and is not written over", file)
	}
	text, err := h.authority.ServerConfiguration()
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(written+text), 0o644); err != nil { //nolint:gosec // it is public: tokens, no keys
		return fmt.Errorf("write the server's configuration: %w", err)
	}
	return nil
}

// announceEvery is the time between two announcements of the register.
const announceEvery = 3 * time.Second

// announce tells the agents of the register again and again until the context ends: one that was away while others were
// enrolled or revoked, and the broker most of all, learns of them soon after it is back, whatever the order of starts.
func (h *house) announce(ctx context.Context) {
	ticker := time.NewTicker(announceEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := h.provision(ctx); err != nil && ctx.Err() == nil {
			h.logs.log.Warn("register not announced", zap.Error(err))
		}
	}
}
