package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
)

// wrongFile is a file, or several, with faults in them.
type wrongFile struct{ faults descriptors.Faults }

func (w *wrongFile) summary() string {
	return present.Count(len(w.faults), "fault") + "; nothing was sent."
}

// Error implements error.
func (w *wrongFile) Error() string { return w.faults.Error() + "\n" + w.summary() }

// Unwrap sorts it among bad input.
func (w *wrongFile) Unwrap() error {
	return &client.Error{Code: client.CodeBadInput, Message: w.summary()}
}

// wrong makes faults of a file the verb's error; other errors stay what they are.
func wrong(err error) error {
	var faults descriptors.Faults
	if errors.As(err, &faults) {
		return &wrongFile{faults}
	}
	return err
}

// readFile reads a file that a person named; "-" is standard input.
func (s *session) readFile(name string) (shown string, content []byte, err error) {
	if name == "-" {
		content, err = io.ReadAll(io.LimitReader(s.in, descriptors.MaxSource+1))
		return "stdin", content, err
	}
	file, err := os.Open(name)
	if err != nil {
		return name, nil, unreadable(name, err)
	}
	defer func() { _ = file.Close() }()
	content, err = io.ReadAll(io.LimitReader(file, descriptors.MaxSource+1))
	if err != nil {
		return name, nil, unreadable(name, err)
	}
	return name, content, nil
}

func unreadable(name string, err error) error {
	var path *fs.PathError
	reason := err.Error()
	if errors.As(err, &path) {
		reason = path.Err.Error()
	}
	return &client.Error{Code: client.CodeBadInput, Message: fmt.Sprintf("%s cannot be read: %s", name, reason)}
}

// readApplication reads an application descriptor and the directory that its files are beside.
func (s *session) readApplication(name string) (descriptors.Application, string, error) {
	shown, content, err := s.readFile(name)
	if err != nil {
		return descriptors.Application{}, "", err
	}
	application, err := descriptors.ReadApplicationBeside(os.DirFS(beside(name)), shown, content)
	if err != nil {
		return descriptors.Application{}, "", wrong(err)
	}
	return application, beside(name), nil
}

// beside is the directory that a descriptor's files are in.
func beside(name string) string {
	if name == "-" {
		return "."
	}
	return filepath.Dir(name)
}

// readDeployment reads a deployment descriptor.
func (s *session) readDeployment(name string) (descriptors.Deployment, error) {
	shown, content, err := s.readFile(name)
	if err != nil {
		return descriptors.Deployment{}, err
	}
	deployment, err := descriptors.ReadDeployment(shown, content)
	return deployment, wrong(err)
}
