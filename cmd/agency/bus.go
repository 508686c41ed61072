package main

import (
	"context"
	"time"

	"go.uber.org/zap"
)

type busVerb struct {
	Data   string `placeholder:"DIR" help:"Data directory ($AGENCY_DATA)."`
	Listen string `placeholder:"HOST:PORT" help:"Address to listen on; 127.0.0.1 and any free port by default."`
}

// Help implements kong.HelpProvider.
func (busVerb) Help() string {
	return example(
		"agency bus --data /var/lib/agency --listen 10.0.0.1:4222",
		"agency enrol broker --data /var/lib/agency",
		"agency broker --nats nats://10.0.0.1:4222 --credentials broker.creds --data broker")
}

// Run runs the bus until it is told to stop.
func (v busVerb) Run(ctx context.Context, s *session) error {
	settings := configuration{Listen: v.Listen}
	if _, _, err := settings.listen(); err != nil {
		return badInput("", "--listen: %s", err)
	}
	data, err := s.dataDirectory(v.Data, settings)
	if err != nil {
		return err
	}
	h, err := s.openHouse(ctx, data, settings)
	if err != nil {
		return err
	}
	if err := h.openDoor(s); err != nil {
		return closing(h, err)
	}
	s.screen.Line("bus ready at %s, data in %s", h.server.URL(), data)
	h.announce(ctx)
	return h.close()
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
		if err := h.server.Provision(ctx); err != nil && ctx.Err() == nil {
			h.logs.log.Warn("register not announced", zap.Error(err))
		}
	}
}
