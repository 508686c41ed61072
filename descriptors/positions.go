package descriptors

import (
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in a file; both numbers count from 1.
type Position struct{ Line, Column int }

// Positions remembers where in a file every field stands, so that a fault found later, in what the fields mean, is
// reported at its place too. The zero value knows no places.
type Positions struct {
	file   string
	values map[string]Position
	keys   map[string]Position
}

// Has says whether the file has something at the path.
func (p Positions) Has(path string) bool {
	_, found := p.values[path]
	return found
}

// Fault is a fault of the value at the path, or, if the file has none there, of what it is missing from.
func (p Positions) Fault(path, format string, arguments ...any) Fault {
	return p.fault(path, p.ofValue(path), fmt.Sprintf(format, arguments...))
}

// KeyFault is like Fault, of the key rather than of the value.
func (p Positions) KeyFault(path, format string, arguments ...any) Fault {
	return p.fault(path, p.ofKey(path), fmt.Sprintf(format, arguments...))
}

func (p Positions) fault(path string, position Position, message string) Fault {
	return Fault{File: p.file, Line: position.Line, Column: position.Column, Path: path, Message: message}
}

// ofValue is where the value at the path stands; a missing one is looked for where its nearest existing parent begins.
func (p Positions) ofValue(path string) Position {
	if position, found := p.values[path]; found {
		return position
	}
	if path == "" {
		return Position{}
	}
	return p.ofKey(parentPath(path))
}

// ofKey is where the key at the path stands; what has no key, as the elements of a list, stands where its value does.
func (p Positions) ofKey(path string) Position {
	if position, found := p.keys[path]; found {
		return position
	}
	return p.ofValue(path)
}

// fieldPath is the path of a key within the mapping at a path. Keys that would make the path ambiguous are quoted.
func fieldPath(path, key string) string {
	switch {
	case key == "" || strings.ContainsAny(key, ".[]\"\\ ") || strconv.Quote(key) != `"`+key+`"`:
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

// elementPath is the path of an element of the list at a path.
func elementPath(path string, index int) string { return path + "[" + strconv.Itoa(index) + "]" }

// parentPath is the path without its last step; that of a single step is empty.
func parentPath(path string) string {
	last, quoted := 0, false
	for i := 0; i < len(path); i++ {
		switch character := path[i]; {
		case quoted && character == '\\':
			i++
		case character == '"':
			quoted = !quoted
		case !quoted && (character == '.' || character == '['):
			last = i
		}
	}
	return path[:last]
}
