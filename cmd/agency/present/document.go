package present

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// Format is how a read is printed.
type Format string

// The formats.
const (
	FormatTable Format = "table"
	// FormatWide is the table with every column.
	FormatWide Format = "wide"
	FormatJSON Format = "json"
	FormatYAML Format = "yaml"
)

// Document writes a value as one JSON or YAML document. Both have the same fields in the same order: the YAML is made of
// the JSON, so that they cannot drift apart.
func Document(writer io.Writer, format Format, value any) error {
	encoded, err := encode(value)
	if err != nil {
		return fmt.Errorf("write as %s: %w", format, err)
	}
	if format == FormatYAML {
		encoded, err = toYAML(encoded)
		if err != nil {
			return fmt.Errorf("write as %s: %w", format, err)
		}
	}
	_, err = writer.Write(encoded)
	return err
}

// Compact writes a value as JSON on one line, for streams of them.
func Compact(writer io.Writer, value any) error {
	encoder := json.NewEncoder(writer)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

func encode(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(value)
	return buffer.Bytes(), err
}

// toYAML relies on JSON being YAML in flow style.
func toYAML(document []byte) ([]byte, error) {
	var node yaml.Node
	if err := yaml.Unmarshal(document, &node); err != nil {
		return nil, err
	}
	toBlockStyle(&node)
	var buffer bytes.Buffer
	encoder := yaml.NewEncoder(&buffer)
	encoder.SetIndent(2)
	if err := encoder.Encode(&node); err != nil {
		return nil, err
	}
	err := encoder.Close()
	return buffer.Bytes(), err
}

func toBlockStyle(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode {
		node.Style &^= yaml.DoubleQuotedStyle
		if node.Tag == "!!str" && needsQuotes(node.Value) {
			node.Style |= yaml.DoubleQuotedStyle
		}
	}
	if len(node.Content) > 0 {
		node.Style &^= yaml.FlowStyle
	}
	for _, child := range node.Content {
		toBlockStyle(child)
	}
}

// needsQuotes says whether a text, written plain, would be read as something else than a text.
func needsQuotes(value string) bool {
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(value), &node); err != nil || len(node.Content) != 1 {
		return true
	}
	plain := node.Content[0]
	return plain.Kind != yaml.ScalarNode || plain.Tag != "!!str" || plain.Value != value
}
