package descriptors

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

var (
	nodeType  = reflect.TypeFor[yaml.Node]()
	namesType = reflect.TypeFor[Names]()
	timeType  = reflect.TypeFor[time.Time]()
)

// decoder walks a document and a value side by side.
type decoder struct {
	positions Positions
	faults    Faults
	// spoiled holds the paths that have a fault, so that what follows from one fault is not reported as another.
	spoiled map[string]bool
	// known are the fields of the types met so far.
	known map[reflect.Type]fields
}

func (d *decoder) fieldsOf(structure reflect.Type) fields {
	result, known := d.known[structure]
	if !known {
		result = fieldsOf(structure)
		d.known[structure] = result
	}
	return result
}

func (d *decoder) fault(node *yaml.Node, path, format string, arguments ...any) {
	d.faults = append(d.faults, d.positions.fault(path, positionOf(node), fmt.Sprintf(format, arguments...)))
	d.spoiled[path] = true
}

func (d *decoder) value(node *yaml.Node, target reflect.Value, path string, depth int) {
	text, isText := target.Addr().Interface().(encoding.TextUnmarshaler)
	switch {
	case target.Type() == nodeType:
		target.Set(reflect.ValueOf(*node))
	case node.Kind == yaml.AliasNode || depth > maxDepth: // reported by the surveyor
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		d.fault(node, path, "empty; write %s or leave it out", expected(target.Type()))
	case target.Kind() == reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		d.value(node, target.Elem(), path, depth)
	case isText && node.Kind == yaml.ScalarNode:
		d.text(node, text, target, path)
	case target.Type() == namesType && node.Kind == yaml.ScalarNode:
		target.Set(reflect.ValueOf(Names{node.Value}))
	case isText && target.Kind() != reflect.Struct || node.Kind != kindFor(target):
		d.fault(node, path, "%s is not %s", describe(node), expected(target.Type()))
	case node.Kind == yaml.MappingNode && target.Kind() == reflect.Struct:
		d.structure(node, target, path, depth)
	case node.Kind == yaml.MappingNode:
		d.mapping(node, target, path, depth)
	case node.Kind == yaml.SequenceNode:
		d.list(node, target, path, depth)
	default:
		d.scalar(node, target, path)
	}
}

// kindFor is the kind of node that a value is written as.
func kindFor(target reflect.Value) yaml.Kind {
	switch target.Kind() {
	case reflect.Struct:
		if target.Type() == timeType || target.NumField() > 0 && !hasFields(target.Type()) {
			return yaml.ScalarNode
		}
		return yaml.MappingNode
	case reflect.Map:
		return yaml.MappingNode
	case reflect.Slice:
		return yaml.SequenceNode
	}
	return yaml.ScalarNode
}

func (d *decoder) text(node *yaml.Node, text encoding.TextUnmarshaler, target reflect.Value, path string) {
	err := text.UnmarshalText([]byte(node.Value))
	switch {
	case err != nil && target.Type() == timeType:
		d.fault(node, path, "%q is not %s", node.Value, expected(timeType))
	case err != nil:
		d.fault(node, path, "%s", err)
	case target.Type() == timeType:
		target.Set(reflect.ValueOf(target.Interface().(time.Time).UTC()))
	}
}

func (d *decoder) structure(node *yaml.Node, target reflect.Value, path string, depth int) {
	fields := d.fieldsOf(target.Type())
	d.entries(node, func(key, value *yaml.Node) {
		at := fieldPath(path, key.Value)
		if index, known := fields.index[key.Value]; known {
			d.value(value, target.FieldByIndex(index), at, depth+1)
			return
		}
		suggestion := "no such field"
		if near, found := nearest(key.Value, fields.names); found {
			suggestion += fmt.Sprintf("; did you mean %q?", near)
			d.spoiled[fieldPath(path, near)] = true
		} else if len(fields.names) <= maxListed {
			suggestion += "; there are " + strings.Join(fields.names, ", ")
		}
		d.fault(key, at, "%s", suggestion)
	})
}

func (d *decoder) mapping(node *yaml.Node, target reflect.Value, path string, depth int) {
	result := reflect.MakeMapWithSize(target.Type(), len(node.Content)/2)
	d.entries(node, func(key, value *yaml.Node) {
		at := fieldPath(path, key.Value)
		name := reflect.New(target.Type().Key()).Elem()
		if name.Kind() == reflect.String {
			name.SetString(key.Value)
		} else if problem := setNumber(name, key.Value); problem != "" {
			d.fault(key, at, "%s", problem)
			return
		}
		element := reflect.New(target.Type().Elem()).Elem()
		d.value(value, element, at, depth+1)
		result.SetMapIndex(name, element)
	})
	if result.Len() > 0 {
		target.Set(result)
	}
}

// entries visits the pairs of a mapping, without those that the surveyor has refused.
func (d *decoder) entries(node *yaml.Node, visit func(key, value *yaml.Node)) {
	seen := make(map[string]bool, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		if faultOfKey(key) != "" || seen[key.Value] {
			continue
		}
		seen[key.Value] = true
		visit(key, node.Content[i+1])
	}
}

func (d *decoder) list(node *yaml.Node, target reflect.Value, path string, depth int) {
	if len(node.Content) == 0 {
		return
	}
	result := reflect.MakeSlice(target.Type(), len(node.Content), len(node.Content))
	for i, element := range node.Content {
		d.value(element, result.Index(i), elementPath(path, i), depth+1)
	}
	target.Set(result)
}

func (d *decoder) scalar(node *yaml.Node, target reflect.Value, path string) {
	problem := ""
	switch target.Kind() {
	case reflect.String:
		target.SetString(node.Value)
	case reflect.Bool:
		target.SetBool(node.Value == "true")
		if node.Tag != "!!bool" || node.Value != "true" && node.Value != "false" {
			problem = fmt.Sprintf("%q is not true or false", node.Value)
		}
	default:
		problem = setNumber(target, node.Value)
		if problem == "" && node.Tag == "!!str" {
			problem = "a number is written without quotes"
		}
	}
	if problem != "" {
		d.fault(node, path, "%s", problem)
	}
}

// setNumber reads a decimal number into an integer or a float, and says what is wrong with it, if anything. An integer
// is written in one way only: 010 means eight to some and ten to others.
func setNumber(target reflect.Value, text string) string {
	var err error
	written := text
	switch kind := target.Type(); {
	case target.CanFloat():
		var value float64
		value, err = strconv.ParseFloat(text, kind.Bits())
		if strings.Trim(text, "0123456789.eE+-") != "" { // no infinities, no hexadecimal
			err = strconv.ErrSyntax
		}
		target.SetFloat(value)
	case target.CanInt():
		var value int64
		value, err = strconv.ParseInt(text, 10, kind.Bits())
		written = strconv.FormatInt(value, 10)
		target.SetInt(value)
	case target.CanUint():
		var value uint64
		value, err = strconv.ParseUint(text, 10, kind.Bits())
		written = strconv.FormatUint(value, 10)
		target.SetUint(value)
	default:
		return "cannot be written in a file"
	}
	if err != nil || written != text {
		return fmt.Sprintf("%q is not %s", text, expected(target.Type()))
	}
	return ""
}
