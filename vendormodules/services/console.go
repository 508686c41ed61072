package services

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.uber.org/zap/zapcore"
)

// encodeTime writes a time in UTC.
func encodeTime(moment time.Time, encoder zapcore.PrimitiveArrayEncoder) {
	encoder.AppendString(moment.UTC().Format(time.RFC3339Nano))
}

// consoleCore writes entries as lines for people. Whatever could break a line or move a terminal's cursor is quoted.
type consoleCore struct {
	zapcore.LevelEnabler
	output zapcore.WriteSyncer
	// fields are those of With, ready to be written, and namespace what stands before the keys of those to come.
	fields, namespace string
}

// With implements zapcore.Core.
func (c *consoleCore) With(fields []zapcore.Field) zapcore.Core {
	with := *c
	var line strings.Builder
	line.WriteString(c.fields)
	with.namespace = writeFields(&line, c.namespace, fields)
	with.fields = line.String()
	return &with
}

// Check implements zapcore.Core.
func (c *consoleCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Write implements zapcore.Core.
func (c *consoleCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	var line strings.Builder
	fmt.Fprintf(&line, "%s %-5s ", entry.Time.UTC().Format("15:04:05.000Z"), entry.Level.CapitalString())
	if entry.LoggerName != "" {
		line.WriteString(printable(entry.LoggerName) + ": ")
	}
	line.WriteString(printable(entry.Message))
	line.WriteString(c.fields)
	writeFields(&line, c.namespace, fields)
	line.WriteByte('\n')
	for frame := range strings.Lines(entry.Stack) {
		line.WriteString("    " + printable(strings.TrimSpace(frame)) + "\n")
	}
	_, err := c.output.Write([]byte(line.String()))
	return err
}

// Sync implements zapcore.Core.
func (c *consoleCore) Sync() error { return c.output.Sync() }

// writeFields appends fields as key=value and returns the namespace that they leave open.
func writeFields(line *strings.Builder, namespace string, fields []zapcore.Field) string {
	for _, field := range fields {
		if field.Type == zapcore.NamespaceType {
			namespace += field.Key + "."
			continue
		}
		single := zapcore.NewMapObjectEncoder()
		field.AddTo(single)
		if value, found := single.Fields[field.Key]; found {
			writeField(line, namespace+field.Key, value)
			delete(single.Fields, field.Key)
		}
		if field.Type == zapcore.ErrorType { // its details, a stack perhaps, are not for people
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(single.Fields)) { // of an inlined object
			writeField(line, namespace+key, single.Fields[key])
		}
	}
	return namespace
}

func writeField(line *strings.Builder, key string, value any) {
	line.WriteString(" " + printable(key) + "=" + word(value))
}

// word shows a value as one word.
func word(value any) string {
	var text string
	switch value := value.(type) {
	case string:
		text = value
	case time.Time:
		text = value.UTC().Format(time.RFC3339)
	case fmt.Stringer:
		text = value.String()
	case bool, int, int64, int32, int16, int8, uint, uint64, uint32, uint16, uint8, float64, float32:
		return fmt.Sprint(value)
	default:
		encoded, err := json.Marshal(value)
		if err != nil {
			return "?"
		}
		return printable(string(encoded))
	}
	if text == "" || strings.ContainsAny(text, " \"=") || strings.ContainsFunc(text, unprintable) {
		return strconv.Quote(text)
	}
	return text
}

func printable(text string) string {
	if !strings.ContainsFunc(text, unprintable) {
		return text
	}
	return strconv.Quote(text)
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }
