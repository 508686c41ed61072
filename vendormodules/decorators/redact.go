package decorators

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// Redact passes whatever a module says in its own words through scrub: the texts of errors, refusals, faults and
// warnings. Sentinels are still found by errors.Is; errors.As finds an sla.Refusal and a vendormodules.RetryAfter, and
// nothing else of what is inside, since that would bring the text back.
func Redact(module vendormodules.Module, scrub func(string) string) vendormodules.Module {
	scrubber := scrubber(scrub)
	surround := func(ctx context.Context, _ call, do func(context.Context) error) error {
		return scrubber.error(do(ctx))
	}
	return &redacted{&layer{Module: module, surround: surround}, scrubber}
}

var _ vendormodules.Wrapper = (*redacted)(nil)

// redacted scrubs, beside the errors of its layer, what resources say, what closing says and what readers say.
type redacted struct {
	*layer
	scrubber scrubber
}

func (r *redacted) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	resource, err := r.layer.Create(ctx, request)
	return r.scrubber.resource(resource), err
}

func (r *redacted) Get(ctx context.Context, id string) (vendormodules.Resource, error) {
	resource, err := r.layer.Get(ctx, id)
	return r.scrubber.resource(resource), err
}

func (r *redacted) List(ctx context.Context) ([]vendormodules.Resource, error) {
	listed, err := r.layer.List(ctx)
	scrubbed := slices.Clone(listed)
	for index, resource := range listed {
		scrubbed[index] = r.scrubber.resource(resource)
	}
	return scrubbed, err
}

func (r *redacted) Close() error { return r.scrubber.error(r.layer.Close()) }

func (r *redacted) Abilities() vendormodules.Abilities {
	abilities := r.layer.Abilities()
	if abilities.Console != nil {
		abilities.Console = redactedConsole{abilities.Console, r.scrubber}
	}
	if abilities.Files != nil {
		abilities.Files = redactedFiles{abilities.Files, r.scrubber}
	}
	return abilities
}

// redactedConsole scrubs what its readers' errors say. What the machine printed is the user's own.
type redactedConsole struct {
	inside   vendormodules.Console
	scrubber scrubber
}

func (c redactedConsole) Console(ctx context.Context, id string) (io.ReadCloser, error) {
	reader, err := c.inside.Console(ctx, id)
	if err != nil {
		return nil, err
	}
	return redactedReader{reader, c.scrubber}, nil
}

// redactedFiles scrubs what its readers' errors say. The files are the user's own.
type redactedFiles struct {
	vendormodules.Files
	scrubber scrubber
}

func (f redactedFiles) ReadFiles(ctx context.Context, id, path string) (io.ReadCloser, error) {
	reader, err := f.Files.ReadFiles(ctx, id, path)
	if err != nil {
		return nil, err
	}
	return redactedReader{reader, f.scrubber}, nil
}

type redactedReader struct {
	inside   io.ReadCloser
	scrubber scrubber
}

func (r redactedReader) Read(buffer []byte) (int, error) {
	count, err := r.inside.Read(buffer)
	if err == io.EOF { // an io.Reader's end is io.EOF itself
		return count, io.EOF
	}
	return count, r.scrubber.error(err)
}

func (r redactedReader) Close() error { return r.scrubber.error(r.inside.Close()) }

// scrubber takes secrets out of a text.
type scrubber func(string) string

func (s scrubber) error(err error) error {
	if err == nil {
		return nil
	}
	return &redactedError{s(err.Error()), err, s}
}

func (s scrubber) resource(resource vendormodules.Resource) vendormodules.Resource {
	resource.Fault = s(resource.Fault)
	resource.Warnings = slices.Clone(resource.Warnings)
	for index, warning := range resource.Warnings {
		resource.Warnings[index] = s(warning)
	}
	return resource
}

func (s scrubber) refusal(refusal sla.Refusal) sla.Refusal {
	refusal.Message, refusal.Hint = s(refusal.Message), s(refusal.Hint)
	return refusal
}

// redactedError says what is left of an error's text. It has no Unwrap, and prints as its text in every format.
type redactedError struct {
	text     string
	inside   error
	scrubber scrubber
}

func (e *redactedError) Error() string { return e.text }

// GoString implements fmt.GoStringer, which %#v would go round otherwise.
func (e *redactedError) GoString() string { return e.text }

// Is implements what errors.Is asks.
func (e *redactedError) Is(target error) bool { return errors.Is(e.inside, target) }

// As implements what errors.As asks.
func (e *redactedError) As(target any) bool {
	switch target := target.(type) {
	case *sla.Refusal:
		if !errors.As(e.inside, target) {
			return false
		}
		*target = e.scrubber.refusal(*target)
		return true
	case *vendormodules.RetryAfter:
		pause := hint(e.inside)
		if pause > 0 {
			*target = redactedHint{e, pause}
		}
		return pause > 0
	}
	return false
}

// redactedHint is a redacted error together with the cloud's hint that was in it.
type redactedHint struct {
	*redactedError
	pause time.Duration
}

// RetryAfter implements vendormodules.RetryAfter.
func (h redactedHint) RetryAfter() time.Duration { return h.pause }
