package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
)

// session is one run of the program: where it reads and writes, and its environment.
type session struct {
	in       io.Reader
	out, err io.Writer
	// screen is out, notes is err, for people.
	screen, notes *present.Screen
	env           func(string) string
	now           func() time.Time
	// wide tables have every column.
	wide bool
}

func newSession(in io.Reader, out, err io.Writer, env func(string) string) *session {
	plain := env("NO_COLOR") != "" || env("TERM") == "dumb"
	return &session{
		in: in, out: out, err: err, env: env, now: time.Now,
		screen: present.NewScreen(out, plain, time.Now), notes: present.NewScreen(err, plain, time.Now),
	}
}

// print writes a value as one document, or calls table for people.
func (s *session) print(format present.Format, value any, table func()) error {
	if format == present.FormatTable {
		table()
		return nil
	}
	return present.Document(s.out, format, value)
}

// errorDocument is what programs get of an error, on standard error.
type errorDocument struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	At      string `json:"at,omitempty"`
	// Faults of a file, when there are several.
	Faults descriptors.Faults `json:"faults,omitempty"`
}

// report tells an error to whoever runs the verb, and returns it.
func (s *session) report(err error, format present.Format) error {
	var status exitStatus
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status):
		return err // the command has said what there was to say
	case hasTold(err):
		return err
	case format == present.FormatJSON || format == present.FormatYAML:
		if present.Document(s.err, format, documentOf(err)) == nil {
			return err
		}
	}
	s.tell(err)
	return err
}

// tell writes an error for people: what happened and where, and the way out on a line of its own.
func (s *session) tell(err error) {
	var wrong *wrongFile
	if errors.As(err, &wrong) {
		for _, fault := range wrong.faults {
			s.notes.Line("%s", fault)
		}
		s.notes.Line("%s", s.notes.Paint(present.Bad, wrong.summary()))
		return
	}
	var known *client.Error
	if !errors.As(err, &known) {
		s.complain(err.Error(), "")
		return
	}
	s.complain(known.Error(), known.Hint)
}

// complain writes what went wrong and the way out. Lines are wrapped on a terminal only: programs look for words in them.
func (s *session) complain(message, hint string) {
	const prefix = "agency: "
	if s.notes.Live {
		message = present.Wrap(message, s.notes.Width-len(prefix), 0)
		hint = present.Wrap(hint, s.notes.Width-len(prefix), 0)
	}
	indented := strings.NewReplacer("\n", "\n"+strings.Repeat(" ", len(prefix)))
	s.notes.Line("%s%s", s.notes.Paint(present.Bad, prefix), indented.Replace(message))
	if hint != "" {
		s.notes.Line("%s%s", strings.Repeat(" ", len(prefix)), indented.Replace(hint))
	}
}

func documentOf(err error) errorDocument {
	var wrong *wrongFile
	if errors.As(err, &wrong) {
		first := wrong.faults[0]
		return errorDocument{
			Code: client.CodeBadInput, Message: wrong.summary(), Faults: wrong.faults,
			At: fmt.Sprintf("%s:%d:%d", first.File, first.Line, first.Column),
		}
	}
	var known *client.Error
	if errors.As(err, &known) {
		return errorDocument{Code: known.Code, Message: known.Message, Hint: known.Hint, At: known.At}
	}
	return errorDocument{Code: client.CodeFailed, Message: err.Error()}
}

// badInput is an error about what the person gave.
func badInput(hint, format string, arguments ...any) error {
	return &client.Error{Code: client.CodeBadInput, Message: fmt.Sprintf(format, arguments...), Hint: hint}
}

// interrupted says whether the person has given up waiting.
func interrupted(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// terminal is the terminal that a person types at, if there is one.
func (s *session) terminal() (*os.File, bool) {
	file, is := s.in.(*os.File)
	return file, is && term.IsTerminal(int(file.Fd()))
}
