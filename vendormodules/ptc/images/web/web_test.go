package web_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/kv"
	"github.com/cloud-agency/agency/vendormodules/ptc/images/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs a server on a listener; the function returned ends it.
func run(t *testing.T, address string, serve func(context.Context, net.Listener) error) (string, func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener) }()
	return listener.Addr().String(), func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	}
}

func get(t *testing.T, address, path string) (*http.Response, string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestPages(t *testing.T) {
	root := t.TempDir()
	site := web.Site{Name: "web-1", Address: "127.1.2.3", Root: root}
	address, end := run(t, "127.0.0.1:0", func(ctx context.Context, listener net.Listener) error { return web.Serve(ctx, listener, site) })
	defer end()
	if _, body := get(t, address, "/"); !strings.Contains(body, "web-1 at 127.1.2.3") {
		t.Errorf("without files the page is %q", body)
	}
	if err := os.WriteFile(filepath.Join(root, "index.html"), []byte("my page"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/": "my page", "/healthz": "well\n", "/none": "404 page not found\n"} {
		response, body := get(t, address, path)
		if body != want || response.Header.Get("X-Served-By") != "web-1" {
			t.Errorf("%s is %q by %q", path, body, response.Header.Get("X-Served-By"))
		}
	}
}

func TestVisitsAreCountedWhileTheDatabaseComesAndGoes(t *testing.T) {
	directory := t.TempDir()
	database := func(address string) (string, func()) {
		return run(t, address, func(ctx context.Context, listener net.Listener) error { return kv.Serve(ctx, listener, directory) })
	}
	databaseAddress, endDatabase := database("127.0.0.1:0")
	site := web.Site{Name: "web-1", Root: t.TempDir(), Database: databaseAddress}
	address, end := run(t, "127.0.0.1:0", func(ctx context.Context, listener net.Listener) error { return web.Serve(ctx, listener, site) })
	defer end()
	who := func() (visits int64, fault string) {
		t.Helper()
		_, body := get(t, address, "/whoami")
		var answer struct {
			Visits int64
			Fault  string
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Errorf("%q: %v", body, err)
		}
		return answer.Visits, answer.Fault
	}
	get(t, address, "/")
	if visits, fault := who(); visits != 2 || fault != "" {
		t.Errorf("%d visits, %q", visits, fault)
	}
	endDatabase()
	if visits, fault := who(); visits != 0 || fault == "" {
		t.Errorf("without the database %d visits, %q", visits, fault)
	}
	if response, _ := get(t, address, "/"); response.StatusCode != http.StatusOK {
		t.Errorf("without the database the page answers %s", response.Status)
	}
	_, endDatabase = database(databaseAddress)
	defer endDatabase()
	if visits, fault := who(); visits != 3 || fault != "" {
		t.Errorf("with the database again %d visits, %q", visits, fault)
	}
}

func TestWhatIsReadBelowAPathIsForwarded(t *testing.T) {
	serve := func(site web.Site) (string, func()) {
		return run(t, "127.0.0.1:0", func(ctx context.Context, listener net.Listener) error { return web.Serve(ctx, listener, site) })
	}
	behind, endBehind := serve(web.Site{Name: "behind", Root: t.TempDir()})
	address, end := serve(web.Site{Name: "front", Root: t.TempDir(), Forward: map[string]string{"/job/": behind}})
	defer end()
	for path, want := range map[string]string{"/job/whoami": `"behind"`, "/whoami": `"front"`, "/job/none": "404", "/job/": "This is behind"} {
		if _, body := get(t, address, path); !strings.Contains(body, want) {
			t.Errorf("%s is %q, want %q", path, body, want)
		}
	}
	endBehind()
	if response, _ := get(t, address, "/job/whoami"); response.StatusCode != http.StatusBadGateway {
		t.Errorf("with nobody behind: %s", response.Status)
	}
}
