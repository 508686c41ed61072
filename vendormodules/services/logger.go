package services

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// LogFormat is how a log looks.
type LogFormat string

// The formats of a log. The empty one is that for people.
const (
	// LogConsole is a line for people: 15:04:05.000Z INFO  vendor.ptc-athens: created web-1 deployment=shop
	LogConsole LogFormat = "console"
	// LogJSON is an object a line: time (RFC 3339, UTC), level, logger, message, stack, and the fields.
	LogJSON LogFormat = "json"
)

// LogOptions say what a logger does.
type LogOptions struct {
	// Level is the lowest that is written; the zero value is info.
	Level  zapcore.Level
	Format LogFormat
	// Writer gets whole lines, one at a time. Nil for none.
	Writer io.Writer
	// Forwarder gets the entries too. Nil for none.
	Forwarder *Forwarder
	// Scrubber cleans the entries on both ways. Nil for none.
	Scrubber *Scrubber
}

// NewLogger returns a logger. An agent names its own with Named: "vendor", and below it "ptc-athens".
func NewLogger(options LogOptions) *zap.Logger {
	var cores []zapcore.Core
	if options.Writer != nil {
		cores = append(cores, options.written())
	}
	if options.Forwarder != nil {
		cores = append(cores, options.Forwarder.Core(options.Level))
	}
	core := zapcore.NewTee(cores...)
	if options.Scrubber != nil {
		core = options.Scrubber.Core(core)
	}
	return zap.New(core)
}

func (o LogOptions) written() zapcore.Core {
	output := zapcore.Lock(zapcore.AddSync(o.Writer))
	if o.Format != LogJSON {
		return &consoleCore{LevelEnabler: o.Level, output: output}
	}
	return zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", NameKey: "logger", MessageKey: "message", StacktraceKey: "stack",
		EncodeTime: encodeTime, EncodeLevel: zapcore.LowercaseLevelEncoder, EncodeDuration: zapcore.StringDurationEncoder,
	}), output, o.Level)
}
