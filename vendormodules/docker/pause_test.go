package docker_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/docker"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// barren is an engine that has nothing, and counts how often it is asked.
type barren struct{ asked atomic.Int32 }

func (b *barren) RoundTrip(request *http.Request) (*http.Response, error) {
	b.asked.Add(1)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Api-Version": {"1.41"}}, Body: io.NopCloser(strings.NewReader("[]")), Request: request,
	}, nil
}

// TestAnEngineIsLeftAlone asks an engine behind a line that refuses for some time.
func TestAnEngineIsLeftAlone(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			engine := &barren{}
			line := &vendortest.HTTPLine{Base: engine, Throttled: func(*http.Request) *http.Response {
				return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {"7"}}, Body: http.NoBody}
			}}
			now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			module := openBehind(t, line, func() time.Time { return now })
			look := func(wanted error) error {
				t.Helper()
				_, err := module.Get(t.Context(), "agency-compute-web")
				if !errors.Is(err, wanted) {
					t.Errorf("Get returns %v, and not %v", err, wanted)
				}
				return err
			}
			look(vendormodules.ErrNotFound)
			line.Throttle(1)
			look(vendormodules.ErrTransient)
			asked := engine.asked.Load()
			now = now.Add(3 * time.Second)
			var hint vendormodules.RetryAfter
			if err := look(vendormodules.ErrTransient); !errors.As(err, &hint) || hint.RetryAfter() != 4*time.Second {
				t.Errorf("three of seven seconds later, the error is %v", err)
			}
			if again := engine.asked.Load() - asked; again > 0 {
				t.Errorf("an engine that wants to be left alone is asked %d times", again)
			}
			now = now.Add(4 * time.Second)
			look(vendormodules.ErrNotFound)
		})
	}
}

// openBehind opens a module on what is behind a line.
func openBehind(t *testing.T, line *vendortest.HTTPLine, now func() time.Time) vendormodules.Module {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(line.Proxy(&url.URL{Scheme: "http", Host: "engine"}))
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	var node yaml.Node
	if err := yaml.Unmarshal([]byte("hosts: [ { endpoint: 'unix://"+socket+"' } ]"), &node); err != nil {
		t.Fatal(err)
	}
	module, err := docker.New(&node, vendormodules.Environment{Vendor: "docker-test", Agency: "agency-1", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := module.Close(); err != nil {
			t.Error(err)
		}
	})
	return module
}
