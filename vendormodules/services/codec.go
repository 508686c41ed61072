package services

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// ErrKind is wrapped by the error of decoding a value that is of another kind, or no value of Encode's at all.
var ErrKind = errors.New("value is of another kind")

// NewerError is the error of decoding a value that a newer program wrote.
type NewerError struct {
	Kind string
	// Version is the value's, Known the newest that this program reads.
	Version, Known int
}

// Error implements error.
func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has version %d, this program knows up to %d: a newer program wrote it", e.Kind, e.Version, e.Known)
}

// Upgrader is implemented by the pointer to a type that reads its older versions in a way of its own. Upgrade fills the
// receiver with the JSON of an older version. Without it an older version is read like the present one.
type Upgrader interface {
	Upgrade(version int, value []byte) error
}

// Encode makes a value to keep in a Store: its kind, the version of the kind, and the value as JSON, as in
//
//	agreement/2 {"id":"01J...","state":"observed"}
//
// A kind is a word without slash or space. The version is raised with every change of what is kept, so that an older
// program refuses what it would read wrongly.
func Encode(kind string, version int, value any) ([]byte, error) {
	var encoded bytes.Buffer
	fmt.Fprintf(&encoded, "%s/%d ", kind, version)
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	return bytes.TrimSuffix(encoded.Bytes(), []byte("\n")), nil
}

// Decode reads a value that Encode made. It fails with ErrKind for one of another kind and with a NewerError for one of
// a newer version; unknown fields and anything behind the value are refused.
func Decode[T any](encoded []byte, kind string, version int) (T, error) {
	var value T
	found, content, err := open(encoded, kind)
	switch {
	case err != nil:
	case found > version:
		err = &NewerError{kind, found, version}
	case found < version:
		err = decodeOlder(content, found, &value)
	default:
		err = decodeStrictly(content, &value)
	}
	if err != nil {
		var none T
		return none, fmt.Errorf("decode %s: %w", kind, err)
	}
	return value, nil
}

// open splits an encoded value into version and content.
func open(encoded []byte, kind string) (version int, content []byte, err error) {
	head, content, spaced := bytes.Cut(encoded, []byte(" "))
	found, digits, slashed := bytes.Cut(head, []byte("/"))
	if !spaced || !slashed {
		return 0, nil, fmt.Errorf("no kind and version in front: %w", ErrKind)
	}
	if string(found) != kind {
		return 0, nil, fmt.Errorf("found %q: %w", found, ErrKind)
	}
	version, err = strconv.Atoi(string(digits))
	if err != nil || version < 1 {
		return 0, nil, fmt.Errorf("version %q is not a positive number", digits)
	}
	return version, content, nil
}

func decodeOlder(content []byte, version int, value any) error {
	if upgrader, ok := value.(Upgrader); ok {
		return upgrader.Upgrade(version, content)
	}
	return decodeStrictly(content, value)
}

func decodeStrictly(content []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind the value")
	}
	return nil
}
