package descriptors

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Reference is what "${class.attribute}" in a class's run, environment, user-data or in the commands of its
// map-reduce stands for: something known of another class only once it runs.
type Reference struct{ Class, Attribute string }

// String writes "${db.address}".
func (r Reference) String() string { return "${" + r.Class + "." + r.Attribute + "}" }

// The attributes that a reference may ask for.
const (
	AttributeAddress   = "address"   // of the first machine, or of the balancer
	AttributeAddresses = "addresses" // of all machines, with commas between
	AttributeName      = "name"      // of the first machine
	AttributePort      = "port"      // that the balancer listens on
	AttributeSize      = "size"      // of the volume
	AttributeRange     = "range"     // of the network's addresses
	// AttributeToken is a secret made up for the class in this deployment, the same wherever it is referred to.
	AttributeToken = "token"
)

// Attributes are what a reference may ask of a class of this type.
func (t ResourceType) Attributes() []string {
	switch t {
	case Compute, Cluster:
		return []string{AttributeAddress, AttributeAddresses, AttributeName, AttributeToken}
	case LoadBalancer:
		return []string{AttributeAddress, AttributePort}
	case Volume:
		return []string{AttributeSize}
	case Network:
		return []string{AttributeRange}
	case MapReduce:
		return []string{AttributeAddress, AttributeName} // of the coordinator
	}
	return nil
}

// References are those in the class's run, environment, user-data and map-reduce commands, each once, sorted. What is not a well-formed
// reference is left out.
func References(class Class) []Reference {
	var references []Reference
	for _, text := range class.texts() {
		for _, piece := range pieces(text) {
			if piece.isReference() {
				references = append(references, piece.reference)
			}
		}
	}
	slices.SortFunc(references, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Attribute, b.Attribute))
	})
	return slices.Compact(references)
}

// texts are the places that references may stand in, by path within the class.
func (c Class) texts() map[string]string {
	texts := make(map[string]string, len(c.Run)+len(c.Environment)+1)
	for i, command := range c.Run {
		texts[elementPath("run", i)] = command
	}
	for name, value := range c.Environment {
		texts[fieldPath("environment", name)] = value
	}
	for field, text := range map[string]string{
		"user-data": c.UserData, "mapper": c.Mapper, "combiner": c.Combiner, "reducer": c.Reducer,
	} {
		if text != "" {
			texts[field] = text
		}
	}
	return texts
}

// Resolve puts what lookup finds in the place of every reference in the text, and "$" in the place of "$$". What the
// shell knows, "$NAME" and "${NAME}" without a dot, stays. The first error of lookup is returned, and one for a
// malformed reference.
func Resolve(text string, lookup func(Reference) (string, error)) (string, error) {
	var resolved strings.Builder
	for _, piece := range pieces(text) {
		switch {
		case piece.fault != "":
			return "", fmt.Errorf("resolve %q: %s", text, piece.fault)
		case piece.isReference():
			value, err := lookup(piece.reference)
			if err != nil {
				return "", fmt.Errorf("resolve %s: %w", piece.reference, err)
			}
			resolved.WriteString(value)
		default:
			resolved.WriteString(piece.literal)
		}
	}
	return resolved.String(), nil
}

// piece is a stretch of text: a literal, a reference, or something that was meant as one and is not.
type piece struct {
	literal   string
	reference Reference
	fault     string
}

func (p piece) isReference() bool { return p.reference != Reference{} }

var (
	// ours is how a reference begins. The dot right behind the name tells it from what the shell understands:
	// ${NAME}, ${NAME:-1.5} and ${NAME%.txt} are the shell's.
	ours      = regexp.MustCompile(`^\$\{[A-Za-z][A-Za-z0-9_-]*\.`)
	reference = regexp.MustCompile(`^\$\{([a-z][a-z0-9-]*)\.([a-z][a-z-]*)\}`)
)

func pieces(text string) []piece {
	var result []piece
	for text != "" {
		next, rest := nextPiece(text)
		result = append(result, next)
		text = rest
	}
	return result
}

// nextPiece takes the first piece off a text that is not empty.
func nextPiece(text string) (next piece, rest string) {
	dollar := strings.IndexByte(text, '$')
	switch {
	case dollar < 0:
		return piece{literal: text}, ""
	case dollar > 0:
		return piece{literal: text[:dollar]}, text[dollar:]
	case strings.HasPrefix(text, "$$"):
		return piece{literal: "$"}, text[2:]
	case !ours.MatchString(text):
		return piece{literal: "$"}, text[1:]
	}
	if match := reference.FindStringSubmatch(text); match != nil {
		return piece{reference: Reference{match[1], match[2]}}, text[len(match[0]):]
	}
	written, rest, closed := strings.Cut(text, "}")
	if !closed {
		return piece{fault: fmt.Sprintf("%q has no closing brace", written)}, ""
	}
	return piece{fault: fmt.Sprintf("%q is not a reference; write ${class.attribute}, or $${ for a ${ of the shell's",
		written+"}")}, rest
}
