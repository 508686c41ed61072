package balancer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"
)

var errNoTarget = errors.New("no target is healthy")

// proxy answers HTTP requests by asking a target.
type proxy struct {
	pool  *pool
	meter *meter
}

func (p *proxy) handler() http.Handler {
	reverse := &httputil.ReverseProxy{
		Transport:     p,
		FlushInterval: -1, // whatever a target sends is passed on at once
		Rewrite: func(request *httputil.ProxyRequest) {
			request.Out.URL.Scheme, request.Out.URL.Host = "http", request.In.Host // RoundTrip says which target
			request.Out.Host = request.In.Host
			request.SetXForwarded()
		},
		ErrorHandler: func(writer http.ResponseWriter, request *http.Request, err error) {
			status := http.StatusBadGateway
			if errors.Is(err, errNoTarget) {
				status = http.StatusServiceUnavailable
			}
			http.Error(writer, http.StatusText(status), status)
		},
	}
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		began := time.Now()
		watched := &statusWriter{ResponseWriter: writer}
		defer func() { p.meter.request(time.Since(began), watched.status >= http.StatusInternalServerError) }()
		reverse.ServeHTTP(watched, request)
	})
}

// RoundTrip implements http.RoundTripper: it asks targets until one takes the connection. Once anything may have been
// sent, the first answer or error counts.
func (p *proxy) RoundTrip(request *http.Request) (*http.Response, error) {
	body := &unreadBody{ReadCloser: request.Body}
	var tried []*backend
	last := errNoTarget
	for {
		backend := p.pool.pick(tried)
		if backend == nil {
			return nil, last
		}
		tried = append(tried, backend)
		response, err := p.ask(backend, request, body)
		if err == nil {
			return response, nil
		}
		p.pool.release(backend)
		if request.Context().Err() != nil || !unsent(err) || body.read.Load() {
			return nil, err
		}
		p.pool.failed(backend, err, failuresToDown)
		last = errors.Join(errNoTarget, err)
	}
}

func (p *proxy) ask(backend *backend, request *http.Request, body *unreadBody) (*http.Response, error) {
	ctx, cancel := context.WithCancel(request.Context())
	stop := context.AfterFunc(backend.ctx, cancel) //nolint:contextcheck // the end of the target ends the request too
	end := func() { stop(); cancel() }
	out := request.Clone(ctx)
	out.URL.Host = backend.address
	if request.Body != nil {
		out.Body = body
	}
	response, err := backend.transport.RoundTrip(out)
	if err != nil {
		end()
		return nil, err
	}
	finished := sync.OnceFunc(func() { end(); p.pool.release(backend) })
	if both, upgraded := response.Body.(io.ReadWriteCloser); upgraded {
		response.Body = &upgradedBody{both, finished}
	} else {
		response.Body = &answerBody{response.Body, finished}
	}
	return response, nil
}

// unsent says that a request failed before a connection was there.
func unsent(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && operation.Op == "dial"
}

// unreadBody is a request's body that can be sent to the next target as long as nobody has read of it. The server
// closes it.
type unreadBody struct {
	io.ReadCloser
	read atomic.Bool
}

func (b *unreadBody) Read(into []byte) (int, error) {
	b.read.Store(true)
	return b.ReadCloser.Read(into)
}

func (b *unreadBody) Close() error { return nil }

// answerBody and upgradedBody tell when an answer has been passed on.
type answerBody struct {
	io.ReadCloser
	finished func()
}

func (b *answerBody) Close() error {
	defer b.finished()
	return b.ReadCloser.Close()
}

type upgradedBody struct {
	io.ReadWriteCloser
	finished func()
}

func (b *upgradedBody) Close() error {
	defer b.finished()
	return b.ReadWriteCloser.Close()
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the writer inside.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
