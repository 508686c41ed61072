// Command schemagen writes the JSON Schemas of the descriptors from their Go types, for editors and for programs that
// write descriptors, and the page about them for people. It is run by "go generate" in the package descriptors.
//
// A schema says what can be written where. What must fit together, such as names of other classes, only the agency
// checks.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/cloud-agency/agency/descriptors"
)

const packagePath = "github.com/cloud-agency/agency/descriptors"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemagen DOCS, run in the directory of the package descriptors")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

// write puts every schema and the reference into the directory of the documentation.
func write(docs string) error {
	schemas, err := generate()
	if err != nil {
		return err
	}
	page, err := reference(schemas["application.schema.json"])
	if err != nil {
		return err
	}
	files := map[string][]byte{"descriptor-reference.md": page}
	for name, schema := range schemas {
		files[filepath.Join("schemas", name)] = schema
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(docs, name), content, 0o644); err != nil { //nolint:gosec // public
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// generate makes the schemas, by file name. The comments that describe the fields are read from the Go files in the
// current directory, which must be that of the package descriptors.
func generate() (map[string][]byte, error) {
	reflector := &jsonschema.Reflector{
		Anonymous: true, ExpandedStruct: true, RequiredFromJSONSchemaTags: true, Mapper: written,
	}
	if err := reflector.AddGoComments(packagePath, "./", jsonschema.WithFullComment()); err != nil {
		return nil, fmt.Errorf("read comments: %w", err)
	}
	for name, comment := range reflector.CommentMap {
		reflector.CommentMap[name] = strings.ReplaceAll(comment, "\n", " ")
	}
	schemas := map[string][]byte{}
	for name, root := range map[string]reflect.Type{
		"application":        reflect.TypeFor[descriptors.Application](),
		"call-for-proposals": reflect.TypeFor[descriptors.CallForProposals](),
		"deployment":         reflect.TypeFor[descriptors.Deployment](),
	} {
		schema := reflector.ReflectFromType(root)
		schema.Title = strings.ReplaceAll(name, "-", " ")
		constrain(schema, schema.Definitions, root)
		text, err := json.MarshalIndent(schema, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("encode the schema of %s: %w", name, err)
		}
		schemas[name+".schema.json"] = append(unescape(text), '\n')
	}
	return schemas, nil
}

// unescape writes the characters that only a web page needs escaped.
func unescape(text []byte) []byte {
	for escaped, character := range map[string]string{`\u003c`: "<", `\u003e`: ">", `\u0026`: "&"} {
		text = bytes.ReplaceAll(text, []byte(escaped), []byte(character))
	}
	return text
}
