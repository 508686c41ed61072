package services

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap/zapcore"
)

// LogEntry is an entry of a log on its way elsewhere.
type LogEntry struct {
	Time    time.Time `json:"time"`
	Level   string    `json:"level"`
	Logger  string    `json:"logger,omitempty"`
	Message string    `json:"message"`
	// Fields is a JSON object; empty without fields.
	Fields json.RawMessage `json:"fields,omitempty"`
}

// Forwarder hands log entries on, for example to a stream. Whoever logs never waits for it: when more wait than it has
// room for, entries are dropped and counted.
type Forwarder struct {
	send    func(context.Context, LogEntry) error
	dropped atomic.Uint64
	ended   chan struct{}
	cancel  context.CancelFunc

	mutex   sync.Mutex
	closed  bool
	entries chan LogEntry
}

// NewForwarder starts a forwarder with room for a number of waiting entries. It calls send from one goroutine; send
// returns soon after its context ends, and an error of it counts as a dropped entry. It must not log to the forwarder.
func NewForwarder(room int, send func(context.Context, LogEntry) error) *Forwarder {
	ctx, cancel := context.WithCancel(context.Background())
	f := &Forwarder{send: send, cancel: cancel, ended: make(chan struct{}), entries: make(chan LogEntry, room)}
	go f.run(ctx)
	return f
}

// Dropped is how many entries did not arrive.
func (f *Forwarder) Dropped() uint64 { return f.dropped.Load() }

// Close sends what waits, until the context ends; what then still waits is dropped. It returns when the goroutine has
// ended, and may be called twice. Entries that come later are dropped.
func (f *Forwarder) Close(ctx context.Context) {
	f.mutex.Lock()
	if !f.closed {
		f.closed = true
		close(f.entries)
	}
	f.mutex.Unlock()
	select {
	case <-f.ended:
	case <-ctx.Done():
		f.cancel()
		<-f.ended
	}
}

func (f *Forwarder) run(ctx context.Context) {
	defer close(f.ended)
	defer f.cancel()
	for entry := range f.entries {
		if ctx.Err() != nil || f.send(ctx, entry) != nil {
			f.dropped.Add(1)
		}
	}
}

// put never waits.
func (f *Forwarder) put(entry LogEntry) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if !f.closed {
		select {
		case f.entries <- entry:
			return
		default:
		}
	}
	f.dropped.Add(1)
}

// Core returns a zap core that forwards entries of a level and above.
func (f *Forwarder) Core(level zapcore.LevelEnabler) zapcore.Core {
	return &forwardingCore{LevelEnabler: level, forwarder: f, encoder: zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		SkipLineEnding: true, EncodeTime: encodeTime, EncodeDuration: zapcore.StringDurationEncoder,
	})}
}

type forwardingCore struct {
	zapcore.LevelEnabler
	forwarder *Forwarder
	encoder   zapcore.Encoder
}

// With implements zapcore.Core.
func (c *forwardingCore) With(fields []zapcore.Field) zapcore.Core {
	with := *c
	with.encoder = c.encoder.Clone()
	for _, field := range fields {
		field.AddTo(with.encoder)
	}
	return &with
}

// Check implements zapcore.Core.
func (c *forwardingCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Write implements zapcore.Core.
func (c *forwardingCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	encoded, err := c.encoder.EncodeEntry(zapcore.Entry{}, fields)
	if err != nil {
		return err
	}
	defer encoded.Free()
	forwarded := LogEntry{Time: entry.Time.UTC(), Level: entry.Level.String(), Logger: entry.LoggerName, Message: entry.Message}
	if encoded.Len() > len("{}") {
		forwarded.Fields = json.RawMessage(encoded.String())
	}
	c.forwarder.put(forwarded)
	return nil
}

// Sync implements zapcore.Core.
func (c *forwardingCore) Sync() error { return nil }
