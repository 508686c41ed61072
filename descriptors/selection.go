package descriptors

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"gopkg.in/yaml.v3"
)

// The words a selection is written as.
const (
	wordCheapest      = "cheapest"
	wordMostAvailable = "most-available"
	wordBalanced      = "balanced"
)

func selectionWords() []string { return []string{wordCheapest, wordMostAvailable, wordBalanced} }

// Word is the selection's name, empty if it has none.
func (s Selection) Word() string {
	switch s {
	case Cheapest:
		return wordCheapest
	case MostAvailable:
		return wordMostAvailable
	case Balanced:
		return wordBalanced
	}
	return ""
}

// String writes the word, or the weights as YAML has them.
func (s Selection) String() string {
	if word := s.Word(); word != "" {
		return word
	}
	return fmt.Sprintf("{price: %v, availability: %v}", s.Price, s.Availability)
}

// UnmarshalText reads the word.
func (s *Selection) UnmarshalText(text []byte) error {
	switch word := string(text); word {
	case wordCheapest:
		*s = Cheapest
	case wordMostAvailable:
		*s = MostAvailable
	case wordBalanced:
		*s = Balanced
	default:
		if near, found := nearest(word, selectionWords()); found {
			return fmt.Errorf("%q is not a selection; did you mean %q?", word, near)
		}
		return fmt.Errorf("%q is not a selection; write cheapest, most-available, balanced or "+
			"{price: 0.7, availability: 0.3}", word)
	}
	return nil
}

// weights is a Selection that is always written as its weights.
type weights Selection

// MarshalJSON writes the word if there is one, else the weights.
func (s Selection) MarshalJSON() ([]byte, error) {
	if word := s.Word(); word != "" {
		return json.Marshal(word)
	}
	return json.Marshal(weights(s))
}

// UnmarshalJSON reads the word or the weights.
func (s *Selection) UnmarshalJSON(source []byte) error {
	var word string
	if json.Unmarshal(source, &word) == nil {
		return s.UnmarshalText([]byte(word))
	}
	return json.Unmarshal(source, (*weights)(s))
}

// MarshalYAML writes the word if there is one, else the weights.
func (s Selection) MarshalYAML() (any, error) {
	if word := s.Word(); word != "" {
		return word, nil
	}
	return weights(s), nil
}

// fault says what is wrong with the weights, empty if nothing is.
func (s Selection) fault() string {
	sum := s.Price + s.Availability
	switch {
	case slices.Min([]float64{s.Price, s.Availability, 0}) < 0:
		return "a weight is not below 0"
	case math.IsNaN(sum) || math.Abs(sum-1) > 1e-9:
		return fmt.Sprintf("the weights sum to %v, not to 1", sum)
	}
	return ""
}

// MarshalYAML writes a single name without brackets.
func (n Names) MarshalYAML() (any, error) {
	if len(n) == 1 {
		return n[0], nil
	}
	return []string(n), nil
}

// UnmarshalYAML reads a list of names or a single one.
func (n *Names) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*n = Names{node.Value}
		return nil
	}
	return node.Decode((*[]string)(n))
}

// UnmarshalJSON reads a list of names or a single one.
func (n *Names) UnmarshalJSON(source []byte) error {
	var name string
	if json.Unmarshal(source, &name) == nil && string(source) != "null" {
		*n = Names{name}
		return nil
	}
	return json.Unmarshal(source, (*[]string)(n))
}
