package proto

import (
	"bytes"
	"encoding/json"
)

// repeatedName finds a name that stands twice in one object of a JSON text known to be well formed. Readers differ in
// which of the two they take, so that one signature would cover two meanings.
func repeatedName(text []byte) (string, bool) {
	scan := nameScan{levels: make([]nameLevel, 0, 8), names: make([][]byte, 0, 24)}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			scan.open(false)
		case '[':
			scan.open(true)
		case '}', ']':
			scan.close()
		case ',':
			scan.comma()
		case '"':
			end := stringEnd(text, i)
			if scan.expectName && scan.repeats(unquote(text[i:end+1])) {
				return string(scan.names[len(scan.names)-1]), true
			}
			i = end
		}
	}
	return "", false
}

// nameScan is where a scan for repeated names stands.
type nameScan struct {
	levels []nameLevel
	// names of all objects that are open, those of the innermost last.
	names      [][]byte
	expectName bool
}

// nameLevel is an object or a list that is open.
type nameLevel struct {
	list bool
	// first of its names.
	first int
	// seen are its names once there are too many to compare each with each.
	seen map[string]struct{}
}

// fewNames is how many names of one object are compared each with each, which is faster than a map.
const fewNames = 24

func (s *nameScan) open(list bool) {
	s.levels = append(s.levels, nameLevel{list: list, first: len(s.names)})
	s.expectName = !list
}

func (s *nameScan) close() {
	last := len(s.levels) - 1
	s.names, s.levels, s.expectName = s.names[:s.levels[last].first], s.levels[:last], false
}

func (s *nameScan) comma() {
	s.expectName = len(s.levels) > 0 && !s.levels[len(s.levels)-1].list
}

// repeats adds a name to the innermost object and says whether it was there.
func (s *nameScan) repeats(name []byte) bool {
	s.expectName = false
	level := &s.levels[len(s.levels)-1]
	before := s.names[level.first:]
	s.names = append(s.names, name)
	if len(before) < fewNames {
		for _, one := range before {
			if bytes.Equal(one, name) {
				return true
			}
		}
		return false
	}
	if level.seen == nil {
		level.seen = make(map[string]struct{}, 2*len(before))
		for _, one := range before {
			level.seen[string(one)] = struct{}{}
		}
	}
	if _, repeated := level.seen[string(name)]; repeated {
		return true
	}
	level.seen[string(name)] = struct{}{}
	return false
}

// stringEnd is the offset of the quotation mark that ends the string beginning at start.
func stringEnd(text []byte, start int) int {
	for i := start + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text) - 1
}

// unquote returns what a JSON string stands for, so that an escaped name equals a plain one.
func unquote(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		var plain string
		if json.Unmarshal(quoted, &plain) == nil {
			return []byte(plain)
		}
	}
	return quoted[1 : len(quoted)-1]
}
