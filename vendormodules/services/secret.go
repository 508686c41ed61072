package services

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"go.uber.org/zap/zapcore"
)

// Redacted is what a Secret shows of itself.
const Redacted = "[redacted]"

// Secret is a value that fmt, JSON, YAML, slog and zap print as Redacted, and that gob refuses. Reveal is the one way to
// it.
type Secret struct {
	// A pointer, because fmt calls no methods on what is in an unexported field: of a pointer it prints the address.
	value *string
}

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal returns the value; call it only where it is used.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Format implements fmt.Formatter, for every verb.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, Redacted) }

// String implements fmt.Stringer.
func (s Secret) String() string { return Redacted }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return Redacted }

// MarshalText implements encoding.TextMarshaler, for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// GobEncode implements gob.GobEncoder; it always fails.
func (s Secret) GobEncode() ([]byte, error) { return nil, errors.New("a secret is not encoded") }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (s Secret) MarshalLogObject(encoder zapcore.ObjectEncoder) error {
	encoder.AddString("secret", Redacted)
	return nil
}
