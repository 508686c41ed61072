package vendortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
)

// Line is what lies between a module and its cloud, which the suite makes bad to see how the module bears it.
type Line interface {
	// Stall keeps back every answer from now on, until the function that it returns is called.
	Stall() (release func())
	// Throttle lets the cloud refuse the next requests, so many, as it does to a client that asks too often.
	Throttle(requests int)
	// Drop breaks the connection at the nth request from now that changes something, 1 being the next, once the cloud has
	// done it. The function that it returns says whether it has come to that, and lets the line be good again.
	Drop(nth int) (dropped func() bool)
}

// HTTPLine is the line of a module that speaks HTTP: the transport of its environment.
type HTTPLine struct {
	// Base does what goes well; http.DefaultTransport if nil.
	Base http.RoundTripper
	// Throttled is how the cloud answers a client that asks too often; status 429 with Retry-After: 0 if nil.
	Throttled func(request *http.Request) *http.Response
	// Changes says whether a request changes something; whatever is no GET and no HEAD if nil.
	Changes func(request *http.Request) bool

	Weather
}

var (
	_ Line              = (*HTTPLine)(nil)
	_ http.RoundTripper = (*HTTPLine)(nil)
)

// RoundTrip implements http.RoundTripper.
func (l *HTTPLine) RoundTrip(request *http.Request) (*http.Response, error) {
	stalled := l.Stalled()
	throttled, dropped := l.Meets(func() bool { return l.changes(request) })
	if stalled != nil {
		select {
		case <-stalled:
		case <-request.Context().Done():
			return nil, request.Context().Err()
		}
	}
	if throttled {
		return l.refuse(request), nil
	}
	base := l.Base
	if base == nil {
		base = http.DefaultTransport
	}
	response, err := base.RoundTrip(request)
	if err != nil || !dropped {
		return response, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return nil, errors.Join(fmt.Errorf("the connection broke: %w", io.ErrUnexpectedEOF), err, response.Body.Close())
}

// Proxy is the line as a server before a cloud, for a module that makes its connections itself: whoever asks it asks the
// cloud at the URL, of which a connection that breaks on the way breaks for the asker too.
func (l *HTTPLine) Proxy(to *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:      func(request *httputil.ProxyRequest) { request.SetURL(to) },
		Transport:    l,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

func (l *HTTPLine) changes(request *http.Request) bool {
	if l.Changes != nil {
		return l.Changes(request)
	}
	return request.Method != http.MethodGet && request.Method != http.MethodHead
}

func (l *HTTPLine) refuse(request *http.Request) *http.Response {
	if request.Body != nil {
		_ = request.Body.Close()
	}
	if l.Throttled != nil {
		return l.Throttled(request)
	}
	return &http.Response{
		Status: "429 Too Many Requests", StatusCode: http.StatusTooManyRequests, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Retry-After": {"0"}}, Body: http.NoBody, Request: request,
	}
}

// stallPatience is how long a call waits for a cloud that does not answer.
const stallPatience = 200 * time.Millisecond

func proveStalled(b *bench) {
	b.list() // whatever a module asks for once has been asked for
	release := b.provider.Line.Stall()
	ctx, cancel := context.WithTimeout(b.Context(), stallPatience)
	defer cancel()
	_, err := b.module.List(ctx)
	b.wants(err, context.DeadlineExceeded, "List of a cloud that does not answer")
	request := b.request(b.main())
	ctx, cancel = context.WithTimeout(b.Context(), stallPatience)
	defer cancel()
	_, err = b.module.Create(ctx, request)
	b.wants(err, context.DeadlineExceeded, "Create at a cloud that does not answer")
	release()
	b.lists(b.regain(request).ID)
}

func proveThrottled(b *bench) {
	b.list()
	b.provider.Line.Throttle(1)
	if _, err := b.module.List(b.Context()); err != nil {
		b.wants(err, vendormodules.ErrTransient, "List at a cloud that is asked too often")
	}
	b.list()
	request := b.request(b.main())
	b.provider.Line.Throttle(1)
	if _, err := b.module.Create(b.Context(), request); err != nil {
		b.wants(err, vendormodules.ErrTransient, "Create at a cloud that is asked too often")
	}
	b.lists(b.regain(request).ID)
}

// proveDropped loses the answer to one request of a create after another, each time of a create of its own, until a
// create has none left to lose.
func proveDropped(b *bench) {
	for nth := 1; ; nth++ {
		request := b.request(b.main())
		dropped := b.provider.Line.Drop(nth)
		_, err := b.module.Create(b.Context(), request)
		lost := dropped()
		if lost && err != nil {
			b.wants(err, vendormodules.ErrTransient, fmt.Sprintf("Create whose answer %d is lost", nth))
		} else if err != nil {
			b.Fatalf("Create: %v", err)
		}
		created := b.regain(request)
		b.until(created.ID, vendormodules.ResourceRunning)
		b.lists(created.ID)
		b.remove(created.ID)
		b.lists()
		if !lost {
			b.Logf("a create makes %d changes, and bears the loss of each answer", nth-1)
			return
		}
	}
}

// regain does what a vendor agent does after a create whose outcome it does not know.
func (b *bench) regain(request vendormodules.Request) vendormodules.Resource {
	b.Helper()
	description := b.module.Describe()
	if description.CreateToken {
		return b.create(request)
	}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for settled := time.Now().Add(time.Duration(description.Settle)); ; <-ticker.C {
		last := time.Now().After(settled)
		for _, listed := range b.list() {
			if listed.Key == request.Key {
				return listed
			}
		}
		if last {
			return b.create(request)
		}
	}
}
