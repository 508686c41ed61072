package services

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// scrubbedBytes is the least that a value must have to be scrubbed: a shorter one would be found in half of all words.
const scrubbedBytes = 6

// Scrubber replaces known secrets in texts by Redacted. It is the last line of defence, for the texts of others: an SDK
// that puts a password into its error. What is ours holds a Secret. It may be used from several goroutines at once.
type Scrubber struct {
	mutex sync.RWMutex
	known map[string]struct{}
}

// NewScrubber returns a scrubber that knows no secrets.
func NewScrubber() *Scrubber { return &Scrubber{known: make(map[string]struct{})} }

// Learn makes secrets known, as they are and as JSON, URLs and quoted strings show them. Those of less than six bytes
// are left out.
func (s *Scrubber) Learn(secrets ...Secret) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, secret := range secrets {
		value := secret.Reveal()
		if len(value) < scrubbedBytes {
			continue
		}
		for _, shown := range appearances(value) {
			s.known[shown] = struct{}{}
		}
	}
}

func appearances(value string) []string {
	quoted := strconv.Quote(value)
	shown := []string{value, quoted[1 : len(quoted)-1], url.QueryEscape(value), url.PathEscape(value)}
	if escaped, err := json.Marshal(value); err == nil {
		shown = append(shown, string(escaped[1:len(escaped)-1]))
	}
	return append(shown, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value))
}

// Text returns a text without the secrets.
func (s *Scrubber) Text(text string) string {
	found := s.find(text)
	if len(found) == 0 {
		return text
	}
	var scrubbed strings.Builder
	kept := 0
	for _, span := range found {
		scrubbed.WriteString(text[kept:span.from])
		scrubbed.WriteString(Redacted)
		kept = span.to
	}
	scrubbed.WriteString(text[kept:])
	return scrubbed.String()
}

// span is where in a text a secret is, or several that overlap.
type span struct{ from, to int }

// find returns the spans of all secrets, in order and apart from each other.
func (s *Scrubber) find(text string) []span {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	var all []span
	for secret := range s.known {
		for from := 0; ; {
			next := strings.Index(text[from:], secret)
			if next < 0 {
				break
			}
			from += next
			all = append(all, span{from, from + len(secret)})
			from++
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	merged := all[:0]
	for _, next := range all {
		if last := len(merged) - 1; last >= 0 && next.from < merged[last].to {
			merged[last].to = max(merged[last].to, next.to)
		} else {
			merged = append(merged, next)
		}
	}
	return merged
}

// Error returns an error whose text has no secrets. errors.Is and errors.As see through it, to errors whose own texts
// are not scrubbed. A nil error and one without secrets are returned as they are.
func (s *Scrubber) Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	scrubbed := s.Text(text)
	if scrubbed == text {
		return err
	}
	return &scrubbedError{scrubbed, err}
}

// scrubbedError has no Unwrap, so that nothing that prints chains finds the text.
type scrubbedError struct {
	text  string
	cause error
}

func (e *scrubbedError) Error() string        { return e.text }
func (e *scrubbedError) GoString() string     { return e.text }
func (e *scrubbedError) Is(target error) bool { return errors.Is(e.cause, target) }
func (e *scrubbedError) As(target any) bool   { return errors.As(e.cause, target) }

// Writer returns a writer that scrubs what it passes on. A secret that is split between two writes is not found: give it
// whole lines.
func (s *Scrubber) Writer(next io.Writer) io.Writer { return scrubbingWriter{s, next} }

type scrubbingWriter struct {
	scrubber *Scrubber
	next     io.Writer
}

func (w scrubbingWriter) Write(text []byte) (int, error) {
	if _, err := io.WriteString(w.next, w.scrubber.Text(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Credentials returns a credentials service that makes known to the scrubber whatever it hands out.
func (s *Scrubber) Credentials(next Credentials) Credentials { return learningCredentials{s, next} }

type learningCredentials struct {
	scrubber *Scrubber
	next     Credentials
}

func (c learningCredentials) Credential(ctx context.Context, scope Scope) (Credential, error) {
	credential, err := c.next.Credential(ctx, scope)
	for _, value := range credential {
		c.scrubber.Learn(value)
	}
	return credential, err
}
