package main

import (
	"io"
	"os"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
)

type validateVerb struct {
	Files []string `arg:"" name:"file" help:"Descriptors; - is standard input."`
	Kind  string   `enum:",application,call,deployment" default:"" placeholder:"KIND" help:"application, call or deployment; by default what the file looks like."`
	reading
}

// Help implements kong.HelpProvider.
func (validateVerb) Help() string {
	return example(
		"agency validate shop.yaml              says what is wrong, all at once, with line and column",
		"agency validate shop.yaml -o yaml      prints it with every default filled in",
		"agency descriptor shop | agency validate -")
}

// checked is a descriptor with nothing wrong in it.
type checked struct {
	kind, name string
	classes    int
	value      any
}

// Run checks the files. The faults of all of them are told together.
func (v validateVerb) Run(s *session) error {
	var faults descriptors.Faults
	var good []checked
	for _, name := range v.Files {
		shown, content, err := s.readFile(name)
		if err != nil {
			return err
		}
		descriptor, err := check(v.Kind, shown, beside(name), content)
		switch found := err.(type) { //nolint:errorlint // the readers return Faults as they are
		case nil:
			good = append(good, descriptor)
		case descriptors.Faults:
			faults = append(faults, found...)
		default:
			return err
		}
		if err == nil && v.Output == present.FormatTable {
			s.screen.Line("%s  %s %q, %s: nothing wrong", shown, descriptor.kind, descriptor.name, classesText(descriptor.classes))
		}
	}
	if len(faults) > 0 {
		return &wrongFile{faults}
	}
	return v.print(s, good)
}

func classesText(count int) string {
	if count == 1 {
		return "1 class"
	}
	return present.Count(count, "classe")
}

func (v validateVerb) print(s *session, good []checked) error {
	if v.Output == present.FormatTable {
		return nil
	}
	for i, descriptor := range good {
		if i > 0 && v.Output == present.FormatYAML {
			if _, err := io.WriteString(s.out, "---\n"); err != nil {
				return err
			}
		}
		if err := s.printDescriptor(v.Output, descriptor.value); err != nil {
			return err
		}
	}
	return nil
}

// printDescriptor prints a descriptor so that it can be read again.
func (s *session) printDescriptor(format present.Format, descriptor any) error {
	if format == present.FormatJSON {
		return present.Document(s.out, format, descriptor)
	}
	text, err := descriptors.EncodeBytes(descriptor)
	if err == nil {
		_, err = s.out.Write(text)
	}
	return err
}

// check reads a descriptor of a kind, or of the kind that it looks like. What it names lies in a directory.
func check(kind, file, directory string, content []byte) (checked, error) {
	if kind == "" {
		kind = kindOf(content)
	}
	switch kind {
	case "deployment":
		deployment, err := descriptors.ReadDeployment(file, content)
		return checked{kind, deployment.Name, len(deployment.Resources), deployment}, err
	case "call":
		call, err := descriptors.ReadCall(file, content)
		return checked{kind, call.ID, len(call.Classes), call}, err
	}
	application, err := descriptors.ReadApplicationBeside(os.DirFS(directory), file, content)
	return checked{"application", application.Name, len(application.Resources), application}, err
}

// kindOf tells descriptors apart by the fields that only one kind has.
func kindOf(content []byte) string {
	var document yaml.Node
	if yaml.Unmarshal(content, &document) != nil || len(document.Content) != 1 {
		return "application"
	}
	var keys []string
	for i := 0; i+1 < len(document.Content[0].Content); i += 2 {
		keys = append(keys, document.Content[0].Content[i].Value)
	}
	switch {
	case slices.Contains(keys, "classes"), slices.Contains(keys, "reply-by"):
		return "call"
	case slices.Contains(keys, "id"), slices.Contains(keys, "application"):
		return "deployment"
	}
	return "application"
}
