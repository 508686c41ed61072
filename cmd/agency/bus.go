package main

import "context"

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
	<-ctx.Done()
	return h.close()
}
