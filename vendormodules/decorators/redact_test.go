package decorators_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

const secret = "s3cr3t"

func scrub(text string) string { return strings.ReplaceAll(text, secret, "[redacted]") }

// talkative is a module that tells its secret wherever it has words.
type talkative struct{ *memory.Module }

func (t talkative) Quote(context.Context, descriptors.Class) (vendormodules.Quote, error) {
	return vendormodules.Quote{}, fmt.Errorf("quote: %w",
		sla.Refusal{Code: sla.RefusedQuota, Message: "not for " + secret, Hint: "not with " + secret})
}

func (t talkative) List(context.Context) ([]vendormodules.Resource, error) {
	return []vendormodules.Resource{{Fault: secret, Warnings: []string{secret}}}, nil
}

func (t talkative) Get(context.Context, string) (vendormodules.Resource, error) {
	address := "https://user:" + secret + "@cloud/"
	return vendormodules.Resource{}, &url.Error{Op: "Get", URL: address, Err: hinted(time.Second)}
}

func (t talkative) Close() error { return errors.New("close: " + secret) }

func (t talkative) Console(context.Context, string) (io.ReadCloser, error) { return rude{}, nil }

// rude is a reader that fails in its own words.
type rude struct{}

func (rude) Read([]byte) (int, error) { return 0, errors.New("read: " + secret) }
func (rude) Close() error             { return errors.New("close: " + secret) }

// silent fails the test if the secret can be got out of an error by printing it.
func silent(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("there is no error")
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format, err); strings.Contains(text, secret) {
			t.Errorf("%s tells the secret: %s", format, text)
		}
	}
	for unwrapped := errors.Unwrap(err); unwrapped != nil; unwrapped = errors.Unwrap(unwrapped) {
		if strings.Contains(unwrapped.Error(), secret) {
			t.Errorf("unwrapping tells the secret: %v", unwrapped)
		}
	}
}

func TestRedactErrors(t *testing.T) {
	module := decorators.Redact(talkative{memory.New().Open(memory.Agency)}, scrub)

	_, err := module.Get(t.Context(), "r-1")
	silent(t, err)
	wants(t, err, vendormodules.ErrTransient)
	var hint vendormodules.RetryAfter
	if !errors.As(err, &hint) || hint.RetryAfter() != time.Second {
		t.Errorf("the cloud's hint is lost: %v", err)
	}
	silent(t, hint)
	var inside *url.Error
	if errors.As(err, &inside) {
		t.Errorf("the error inside can be got out: %v", inside)
	}

	_, err = module.Quote(t.Context(), descriptors.Class{})
	silent(t, err)
	var refusal sla.Refusal
	if !errors.As(err, &refusal) || refusal.Code != sla.RefusedQuota {
		t.Errorf("the refusal is lost: %v", err)
	}
	silent(t, refusal)
	if refusal.Message != "not for [redacted]" || refusal.Hint != "not with [redacted]" {
		t.Errorf("the refusal is %+v", refusal)
	}

	silent(t, module.Close())
	silent(t, fmt.Errorf("delete: %w", module.Delete(t.Context(), secret)))
	wants(t, module.Delete(t.Context(), secret), vendormodules.ErrNotFound)
	silent(t, vendormodules.AbilitiesOf(module).Power.Stop(t.Context(), secret))
}

func TestRedactResourcesAndReaders(t *testing.T) {
	module := decorators.Redact(talkative{memory.New().Open(memory.Agency)}, scrub)
	listed, err := module.List(t.Context())
	if err != nil || strings.Contains(fmt.Sprintf("%+v", listed), secret) {
		t.Errorf("the list tells the secret: %+v, %v", listed, err)
	}
	reader, err := vendormodules.AbilitiesOf(module).Console.Console(t.Context(), "r-1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = reader.Read(make([]byte, 1))
	silent(t, err)
	silent(t, reader.Close())
}
