package descriptors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// MaxSource is the largest source that is read, in bytes.
const MaxSource = 1 << 20

// DecodeBytes reads one YAML or JSON document strictly into what into points to; see Decode. The document's faults of
// syntax are reported too; with one of those nothing is decoded.
func DecodeBytes(file string, source []byte, into any) (Positions, Faults) {
	node, fault := parse(source)
	if fault != nil {
		fault.File = file
		return Positions{file: file}, Faults{*fault}
	}
	return Decode(file, "", node, into)
}

// Decode reads a node strictly into what into points to, by the names in its yaml tags. It reports every fault at once:
// unknown and repeated fields, values of the wrong kind, quantities that cannot be read, aliases, merge keys and tags.
// What could be read is there even so.
//
// The path is where in the file the node stands, empty for the whole document. Values that implement
// encoding.TextUnmarshaler are read from text; a Names may be a single name; a field of type yaml.Node receives the
// node as it is, for whoever knows its type. Empty lists and mappings are read as nil. Neither interfaces nor arrays
// can be read into.
func Decode(file, path string, node *yaml.Node, into any) (Positions, Faults) {
	decoder := decode(file, path, node, into)
	return decoder.positions, decoder.faults.sort()
}

func decode(file, path string, node *yaml.Node, into any) *decoder {
	if node.Kind == yaml.DocumentNode && len(node.Content) == 1 {
		node = node.Content[0]
	}
	surveyor := survey(file, path, node)
	d := &decoder{
		positions: surveyor.positions, faults: surveyor.faults,
		spoiled: map[string]bool{}, known: map[reflect.Type]fields{},
	}
	for _, fault := range d.faults {
		d.spoiled[fault.Path] = true
	}
	d.value(node, reflect.ValueOf(into).Elem(), path, 0)
	return d
}

// parse reads the one document of a source.
func parse(source []byte) (*yaml.Node, *Fault) {
	if len(source) > MaxSource {
		return nil, &Fault{Message: "larger than " + strconv.Itoa(MaxSource>>20) + " MiB"}
	}
	if node, isJSON := parseJSON(source); isJSON {
		return node, nil
	}
	if fault := characterFault(source); fault != nil {
		return nil, fault
	}
	reader := yaml.NewDecoder(bytes.NewReader(source))
	var document, second yaml.Node
	switch err := reader.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, &Fault{Line: 1, Column: 1, Message: "nothing in it"}
	case err != nil:
		return nil, syntaxFault(err)
	}
	switch err := reader.Decode(&second); {
	case errors.Is(err, io.EOF):
		return &document, nil
	case err != nil:
		return nil, syntaxFault(err)
	}
	return nil, &Fault{Line: second.Line, Column: second.Column, Message: "a second document; a file holds one"}
}

var syntaxLine = regexp.MustCompile(`^line (\d+): `)

// syntaxFault gives an error of the YAML reader its line. The reader does not say the column, and counts lines from 0
// in the errors that begin with "did not find expected".
func syntaxFault(err error) *Fault {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if match := syntaxLine.FindStringSubmatch(message); match != nil {
		line, _ = strconv.Atoi(match[1]) // all digits, at most as many as the source has lines
		message = strings.TrimPrefix(message, match[0])
		if strings.HasPrefix(message, "did not find expected") {
			line++
		}
	}
	return &Fault{Line: max(line, 1), Column: 1, Message: "not YAML: " + message}
}

// characterFault finds the first character that no text file holds, which the YAML reader refuses without saying where.
func characterFault(source []byte) *Fault {
	line, column := 1, 1
	for len(source) > 0 {
		character, size := utf8.DecodeRune(source)
		switch {
		case character == utf8.RuneError && size == 1:
			return &Fault{Line: line, Column: column, Message: "not UTF-8"}
		case character == '\n':
			line, column = line+1, 0
		case unicode.IsControl(character) && character != '\t' && character != '\r' && character != '\u0085':
			return &Fault{Line: line, Column: column, Message: fmt.Sprintf("a control character, %U", character)}
		}
		column++
		source = source[size:]
	}
	return nil
}
