package descriptors

import "gopkg.in/yaml.v3"

// maxDepth bounds how deep mappings and lists may nest; descriptors need six.
const maxDepth = 32

// surveyor walks a document once before it is decoded. It notes where everything stands and refuses what no descriptor
// may hold whatever its type: repeated keys, aliases, merge keys, tags, endless nesting.
type surveyor struct {
	positions Positions
	faults    Faults
}

func survey(file, path string, node *yaml.Node) *surveyor {
	s := &surveyor{positions: Positions{file: file, values: map[string]Position{}, keys: map[string]Position{}}}
	s.visit(node, path, 0)
	return s
}

func (s *surveyor) fault(node *yaml.Node, path, message string) {
	s.faults = append(s.faults, s.positions.fault(path, positionOf(node), message))
}

func positionOf(node *yaml.Node) Position { return Position{node.Line, node.Column} }

func (s *surveyor) visit(node *yaml.Node, path string, depth int) {
	if depth > maxDepth {
		s.fault(node, path, "nested too deep")
		return
	}
	if _, seen := s.positions.values[path]; !seen {
		s.positions.values[path] = positionOf(node)
	}
	switch {
	case node.Kind == yaml.AliasNode:
		s.fault(node, path, "aliases are not read; write the value out")
		return
	case node.Style&yaml.TaggedStyle != 0:
		s.fault(node, path, "tags are not read; write the value without "+node.Tag)
	}
	switch node.Kind {
	case yaml.SequenceNode:
		for i, element := range node.Content {
			s.visit(element, elementPath(path, i), depth+1)
		}
	case yaml.MappingNode:
		s.visitMapping(node, path, depth)
	}
}

func (s *surveyor) visitMapping(node *yaml.Node, path string, depth int) {
	seen := make(map[string]bool, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if fault := faultOfKey(key); fault != "" {
			s.fault(key, path, fault)
			continue
		}
		at := fieldPath(path, key.Value)
		if seen[key.Value] {
			s.fault(key, at, "is there twice; keep one")
			continue
		}
		seen[key.Value] = true
		s.positions.keys[at] = positionOf(key)
		s.visit(value, at, depth+1)
	}
}

// faultOfKey says why a node cannot be a key, empty if it can.
func faultOfKey(key *yaml.Node) string {
	switch {
	case key.Kind != yaml.ScalarNode || key.Style&yaml.TaggedStyle != 0:
		return "a key is a single word"
	case key.Tag == "!!merge":
		return "merge keys are not read; write the fields out"
	}
	return ""
}
