package services

import "go.uber.org/zap/zapcore"

// Redacted is what a Secret shows of itself.
const Redacted = "[redacted]"

// Secret is a value that fmt, JSON, YAML and zap print as Redacted. Reveal is the one way to it.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value; call it only where it is used.
func (s Secret) Reveal() string { return s.value }

// String implements fmt.Stringer.
func (s Secret) String() string { return Redacted }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return Redacted }

// MarshalText implements encoding.TextMarshaler, for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (s Secret) MarshalLogObject(encoder zapcore.ObjectEncoder) error {
	encoder.AddString("secret", Redacted)
	return nil
}
