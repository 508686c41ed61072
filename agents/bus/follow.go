package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
)

// FollowOptions say which events to follow.
type FollowOptions struct {
	// Since leaves out what was stored before; zero for everything.
	Since time.Time
	// Live goes on with what is stored from now on.
	Live bool
	// Name of the deployment whose events alone to follow; empty for all.
	Name string
}

// Follow calls handle with the events of the EVENTS stream, oldest first, and returns nil at the last one stored, or if
// Live goes on until the context ends. Events that do not verify are left out. An error of handle ends it.
func (p *Peer) Follow(ctx context.Context, options FollowOptions, handle func(proto.Event) error) error {
	read := passage{stream: streamEvents, subjects: []string{"evt.>"}, since: options.Since, live: options.Live}
	return p.readStream(ctx, read, func(stored jetstream.Msg) error {
		_, event, err := p.openEvent(ctx, stored.Subject(), func() (proto.Message, error) {
			return p.verifier.VerifyStored(stored.Headers(), stored.Data())
		})
		if err != nil {
			p.log.Warn("stored event left out", zap.String("subject", stored.Subject()), zap.Error(err))
			return nil
		}
		if options.Name != "" && event.Name != options.Name {
			return nil
		}
		return handle(event)
	})
}

// passage is the part of a stream to read.
type passage struct {
	stream   string
	subjects []string
	since    time.Time
	live     bool
}

// readStream reads a passage in order. Where the connection breaks it goes on after the last entry handled.
func (p *Peer) readStream(ctx context.Context, passage passage, handle func(jetstream.Msg) error) error {
	if p.closed.Load() {
		return ErrClosed
	}
	streams, err := jetstream.New(p.connection)
	if err != nil {
		return fmt.Errorf("read %s: %w", passage.stream, err)
	}
	settings := jetstream.OrderedConsumerConfig{FilterSubjects: passage.subjects, DeliverPolicy: jetstream.DeliverAllPolicy}
	if !passage.since.IsZero() {
		settings.DeliverPolicy, settings.OptStartTime = jetstream.DeliverByStartTimePolicy, &passage.since
	}
	consumer, err := streams.OrderedConsumer(ctx, passage.stream, settings)
	if err != nil {
		return fmt.Errorf("read %s: %w", passage.stream, err)
	}
	if !passage.live {
		information, err := consumer.Info(ctx)
		if err != nil {
			return fmt.Errorf("read %s: %w", passage.stream, err)
		}
		if information.NumPending == 0 {
			return nil
		}
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read %s: %w", passage.stream, err)
	}
	defer messages.Stop()
	for {
		message, err := messages.Next(jetstream.NextContext(ctx))
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) || errors.Is(err, jetstream.ErrConnectionClosed) {
			return fmt.Errorf("read %s: %w", passage.stream, ErrClosed)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", passage.stream, err)
		}
		if err := handle(message); err != nil {
			return err
		}
		position, err := message.Metadata()
		if err != nil {
			return fmt.Errorf("read %s: %w", passage.stream, err)
		}
		if !passage.live && position.NumPending == 0 {
			return nil
		}
	}
}

// LogOptions say which log entries to follow.
type LogOptions struct {
	Since time.Time
	Live  bool
	// Source is the name of the vendor or singleton role whose entries alone to follow; empty for all.
	Source string
}

// LogEntry is one entry of the LOGS stream. Nobody has signed it: the bus alone says who wrote it.
type LogEntry struct {
	Source string
	At     time.Time
	// Line is the entry as it was logged, a JSON object.
	Line []byte
}

// FollowLogs is Follow for log entries.
func (p *Peer) FollowLogs(ctx context.Context, options LogOptions, handle func(LogEntry) error) error {
	read := passage{stream: streamLogs, subjects: []string{"log.>"}, since: options.Since, live: options.Live}
	if options.Source != "" {
		read.subjects = []string{"log." + options.Source}
	}
	return p.readStream(ctx, read, func(stored jetstream.Msg) error {
		position, err := stored.Metadata()
		if err != nil {
			return fmt.Errorf("read logs: %w", err)
		}
		source := strings.TrimPrefix(stored.Subject(), "log.")
		return handle(LogEntry{Source: source, At: position.Timestamp.UTC(), Line: stored.Data()})
	})
}
