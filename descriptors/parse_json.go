package descriptors

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// parseJSON reads a JSON document into the nodes that the same document in YAML has, false if the source is not JSON.
//
// JSON is nearly YAML: the YAML reader folds some characters that JSON leaves alone within a string, and refuses the
// pairs of escapes that many JSON writers use beyond the basic plane.
func parseJSON(source []byte) (*yaml.Node, bool) {
	if !json.Valid(source) || !utf8.Valid(source) {
		return nil, false
	}
	reader := jsonReader{decoder: json.NewDecoder(bytes.NewReader(source)), source: source, at: Position{1, 1}}
	reader.decoder.UseNumber()
	node, err := reader.value()
	return node, err == nil
}

// jsonReader turns tokens into nodes and keeps count of lines and columns on the way.
type jsonReader struct {
	decoder *json.Decoder
	source  []byte
	offset  int
	at      Position
}

// advance moves over the source to an offset.
func (r *jsonReader) advance(offset int) {
	for _, character := range string(r.source[r.offset:offset]) {
		r.at.Column++
		if character == '\n' {
			r.at = Position{r.at.Line + 1, 1}
		}
	}
	r.offset = offset
}

// token returns the next token and where it begins.
func (r *jsonReader) token() (json.Token, Position, error) {
	between := len(r.source[r.offset:]) - len(bytes.TrimLeft(r.source[r.offset:], " \t\r\n,:"))
	r.advance(r.offset + between)
	begin := r.at
	token, err := r.decoder.Token()
	r.advance(int(r.decoder.InputOffset()))
	return token, begin, err
}

func (r *jsonReader) value() (*yaml.Node, error) {
	token, begin, err := r.token()
	if err != nil {
		return nil, err
	}
	node := &yaml.Node{Kind: yaml.ScalarNode, Line: begin.Line, Column: begin.Column}
	switch value := token.(type) {
	case json.Delim:
		return node, r.content(node, value)
	case string:
		node.Tag, node.Style, node.Value = "!!str", yaml.DoubleQuotedStyle, value
	case json.Number:
		node.Tag, node.Value = "!!int", value.String()
		if strings.ContainsAny(node.Value, ".eE") {
			node.Tag = "!!float"
		}
	case bool:
		node.Tag, node.Value = "!!bool", "false"
		if value {
			node.Value = "true"
		}
	default:
		node.Tag, node.Value = "!!null", "null"
	}
	return node, nil
}

// content reads what follows an opening bracket or brace, to the closing one.
func (r *jsonReader) content(node *yaml.Node, opening json.Delim) error {
	node.Kind, node.Tag, node.Style = yaml.SequenceNode, "!!seq", yaml.FlowStyle
	if opening == '{' {
		node.Kind, node.Tag = yaml.MappingNode, "!!map"
	}
	for r.decoder.More() {
		child, err := r.value()
		if err != nil {
			return err
		}
		node.Content = append(node.Content, child)
	}
	_, _, err := r.token()
	return err
}
