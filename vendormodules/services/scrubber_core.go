package services

import (
	"encoding/json"
	"fmt"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Core returns a zap core that scrubs entries and fields before it passes them on. Next gets every entry of a level that
// it is enabled for.
func (s *Scrubber) Core(next zapcore.Core) zapcore.Core { return scrubbingCore{next, s} }

type scrubbingCore struct {
	zapcore.Core
	scrubber *Scrubber
}

// With implements zapcore.Core.
func (c scrubbingCore) With(fields []zapcore.Field) zapcore.Core {
	return scrubbingCore{c.Core.With(c.scrubber.fields(fields)), c.scrubber}
}

// Check implements zapcore.Core.
func (c scrubbingCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Write implements zapcore.Core.
func (c scrubbingCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	entry.Message = c.scrubber.Text(entry.Message)
	entry.Stack = c.scrubber.Text(entry.Stack)
	return c.Core.Write(entry, c.scrubber.fields(fields))
}

func (s *Scrubber) fields(fields []zapcore.Field) []zapcore.Field {
	scrubbed := make([]zapcore.Field, 0, len(fields))
	for _, field := range fields {
		scrubbed = append(scrubbed, s.field(field)...)
	}
	return scrubbed
}

// field returns a field as it is if its JSON shows no secrets, and else what is left of it.
func (s *Scrubber) field(field zapcore.Field) []zapcore.Field {
	switch field.Type {
	case zapcore.StringType:
		field.String = s.Text(field.String)
		return []zapcore.Field{field}
	case zapcore.BinaryType: // shown as base64, in which no secret is found
		bytes, _ := field.Interface.([]byte)
		return []zapcore.Field{zap.String(field.Key, fmt.Sprintf("%d bytes", len(bytes)))}
	}
	encoded, err := zapcore.NewJSONEncoder(zapcore.EncoderConfig{SkipLineEnding: true}).
		EncodeEntry(zapcore.Entry{}, []zapcore.Field{field})
	if err != nil {
		return []zapcore.Field{zap.String(field.Key, "cannot be shown")}
	}
	defer encoded.Free()
	text := encoded.String()
	if scrubbed := s.Text(text); scrubbed != text {
		return reread(field.Key, scrubbed)
	}
	return []zapcore.Field{field}
}

// reread makes fields of a JSON object.
func reread(key, object string) []zapcore.Field {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		return []zapcore.Field{zap.String(key, Redacted)}
	}
	fields := make([]zapcore.Field, 0, len(members))
	for name, value := range members {
		fields = append(fields, zap.Reflect(name, value))
	}
	return fields
}
