package descriptors

import (
	"bytes"
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// EncodeBytes writes a descriptor, or any value of the kinds that Decode reads, as YAML that reads back to the same
// value. It is what people are shown: what is empty is left out where the tags say so, mappings are sorted.
func EncodeBytes(value any) ([]byte, error) {
	node, err := encode(reflect.ValueOf(value))
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, fmt.Errorf("encode YAML: %w", err)
	}
	return text.Bytes(), nil
}

func encode(value reflect.Value) (*yaml.Node, error) {
	if value.Type() == nodeType {
		node := value.Interface().(yaml.Node)
		return &node, nil
	}
	if marshaler, implemented := value.Interface().(yaml.Marshaler); implemented {
		plain, err := marshaler.MarshalYAML()
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", value.Type(), err)
		}
		return encode(reflect.ValueOf(plain))
	}
	if marshaler, implemented := value.Interface().(encoding.TextMarshaler); implemented {
		text, err := marshaler.MarshalText()
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", value.Type(), err)
		}
		node := textNode(string(text))
		if value.Type() == timeType {
			node.Tag = "!!timestamp" // needs no quotes
		}
		return node, nil
	}
	switch value.Kind() {
	case reflect.Pointer:
		return encode(value.Elem())
	case reflect.Struct:
		return encodeStruct(value)
	case reflect.Map:
		return encodeMap(value)
	case reflect.Slice:
		return encodeList(value)
	}
	return encodeScalar(value)
}

// otherBreaks are the characters beside the newline that the YAML reader takes for the end of a line.
const otherBreaks = "\r\u0085\u2028\u2029"

// textNode lets the writer choose how the text is quoted, except where its choice would not read back: a block of
// lines that begins with white space, and other ends of lines than the newline.
func textNode(text string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	leading := strings.TrimLeft(text, " \t\n") != text
	if leading && strings.Contains(text, "\n") || strings.ContainsAny(text, otherBreaks) {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

func encodeScalar(value reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int"}
	switch {
	case value.Kind() == reflect.String:
		return textNode(value.String()), nil
	case value.Kind() == reflect.Bool:
		node.Tag, node.Value = "!!bool", strconv.FormatBool(value.Bool())
	case value.CanFloat():
		node.Tag, node.Value = "", strconv.FormatFloat(value.Float(), 'g', -1, value.Type().Bits())
	case value.CanInt():
		node.Value = strconv.FormatInt(value.Int(), 10)
	case value.CanUint():
		node.Value = strconv.FormatUint(value.Uint(), 10)
	default:
		return nil, fmt.Errorf("encode %s: cannot be written in a file", value.Type())
	}
	return node, nil
}

func encodeList(list reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range list.Len() {
		element, err := encode(list.Index(i))
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, element)
	}
	return node, nil
}

func encodeMap(entries reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	keys := entries.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if a.CanInt() {
			return cmp.Compare(a.Int(), b.Int())
		}
		return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	for _, key := range keys {
		name, err := encodeScalar(key)
		if err != nil {
			return nil, err
		}
		entry, err := encode(entries.MapIndex(key))
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, name, entry)
	}
	return node, nil
}

func encodeStruct(structure reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	fields := fieldsOf(structure.Type())
	for _, name := range fields.names {
		field, value := structure.Type().FieldByIndex(fields.index[name]), structure.FieldByIndex(fields.index[name])
		absent := value.Kind() == reflect.Pointer && value.IsNil()
		if absent || strings.HasSuffix(field.Tag.Get("yaml"), ",omitempty") && isEmpty(value) {
			continue
		}
		entry, err := encode(value)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, textNode(name), entry)
	}
	return node, nil
}

func isEmpty(value reflect.Value) bool {
	if value.Kind() == reflect.Map || value.Kind() == reflect.Slice {
		return value.Len() == 0
	}
	return value.IsZero()
}
