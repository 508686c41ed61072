package mapreduce_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/mapreduce"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "between-us"

// wordCount is the job that everybody knows.
var wordCount = mapreduce.Job{
	Mapper:   `tr -cs 'a-z' '\n' | awk 'length { print $0 "\t1" }'`,
	Combiner: sum, Reducer: sum, Reducers: 3, Split: 1000, Attempts: 4,
}

const sum = `awk -F '\t' '{ n[$1] += $2 } END { for (w in n) print w "\t" n[w] }'`

// house is a coordinator and its workers.
type house struct {
	*testing.T

	with    mapreduce.Coordination
	address string
}

func newHouse(t *testing.T, job mapreduce.Job, input map[string]string) *house {
	t.Helper()
	h := &house{T: t, with: mapreduce.Coordination{
		Job: job, Input: t.TempDir(), Data: t.TempDir(), Token: token, Now: time.Now,
	}}
	for name, text := range input {
		path := filepath.Join(h.with.Input, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// background runs something until the function returned is called, or the test ends.
func (h *house) background(run func(context.Context) error) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.Errorf("it ended: %v", err)
		}
	})
	h.Cleanup(end)
	return end
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// coordinate starts the coordinator.
func (h *house) coordinate() (end func()) {
	h.Helper()
	listener := listen(h.T)
	h.address = listener.Addr().String()
	return h.background(func(ctx context.Context) error { return mapreduce.Coordinate(ctx, listener, h.with) })
}

// hire starts a worker.
func (h *house) hire(name string) (end func()) {
	with := mapreduce.Employment{
		Name: name, Coordinator: h.address, Token: token, Slots: 2, Scratch: h.TempDir(), Environment: os.Environ(),
	}
	return h.background(func(ctx context.Context) error { return mapreduce.Work(ctx, with) })
}

// ask sends a request as a worker and returns the answer.
func (h *house) ask(method, path, body string) (int, string) {
	h.Helper()
	request, err := http.NewRequest(method, "http://"+h.address+path, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		h.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		h.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func (h *house) status() mapreduce.Status {
	h.Helper()
	var status mapreduce.Status
	code, text := h.ask(http.MethodGet, "/status", "")
	if err := json.Unmarshal([]byte(text), &status); err != nil || code != http.StatusOK {
		h.Fatal(code, text, err)
	}
	return status
}

// until waits until the job stands as a condition wants it.
func (h *house) until(condition func(mapreduce.Status) bool) mapreduce.Status {
	h.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-ticker.C {
		if status := h.status(); condition(status) {
			return status
		}
	}
	h.Fatalf("it never comes: %+v", h.status())
	return mapreduce.Status{}
}

func ended(status mapreduce.Status) bool { return status.State != "running" }

// output is the result of a job that is done.
func (h *house) output() string {
	h.Helper()
	code, text := h.ask(http.MethodGet, "/output", "")
	if code != http.StatusOK {
		h.Fatal(code, text)
	}
	return text
}
