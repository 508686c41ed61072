package web

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/pages"
)

// Site is what a server serves.
type Site struct {
	// Name and Address of the machine.
	Name, Address string
	// Root is the directory of the files. Without an index.html in it the server shows a page of its own.
	Root string
	// Database is the address of the key-value server that counts visits; empty for none.
	Database string
	// Forward sends requests that only read below a path, which ends in a slash, on to a server's address, without that path.
	Forward map[string]string
}

// Serve answers requests on a listener until the context ends. It closes the listener.
func Serve(ctx context.Context, listener net.Listener, site Site) error {
	counter := &counter{address: site.Database}
	defer counter.close()
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: forwardLimit}).DialContext,
		ResponseHeaderTimeout: forwardLimit, IdleConnTimeout: forwardLimit,
	}
	defer transport.CloseIdleConnections()
	return pages.Serve(ctx, listener, handler(site, counter, transport))
}

func handler(site Site, counter *counter, transport *http.Transport) http.Handler {
	files := http.FileServer(http.Dir(site.Root))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(writer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(writer, "well") // a client that went away needs no answer
	})
	mux.HandleFunc("GET /whoami", func(writer http.ResponseWriter, request *http.Request) {
		answer := who{Name: site.Name, Address: site.Address}
		if site.Database != "" {
			visits, err := counter.visit(request.Context())
			if err != nil {
				answer.Fault = err.Error()
			}
			answer.Visits = visits
		}
		writer.Header().Set("Content-Type", "application/json")
		json.NewEncoder(writer).Encode(answer) //nolint:errcheck // a client that went away needs no answer
	})
	mux.HandleFunc("GET /{$}", func(writer http.ResponseWriter, request *http.Request) {
		if site.Database != "" {
			if visits, err := counter.visit(request.Context()); err == nil {
				writer.Header().Set("X-Visits", fmt.Sprint(visits))
			}
		}
		if _, err := os.Stat(filepath.Join(site.Root, "index.html")); err == nil {
			files.ServeHTTP(writer, request)
			return
		}
		writer.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(writer, page, html.EscapeString(site.Name), html.EscapeString(site.Address)) // as above
	})
	for path, address := range site.Forward {
		mux.Handle("GET "+path, http.StripPrefix(strings.TrimSuffix(path, "/"), forward(address, transport)))
	}
	mux.Handle("GET /", files)
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		writer.Header().Set("X-Served-By", site.Name)
		mux.ServeHTTP(writer, request)
	})
}

// forwardLimit is how long a server may take to be reached, and to begin its answer.
const forwardLimit = 30 * time.Second

// forward sends requests on to a server's address.
func forward(address string, transport *http.Transport) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:   func(request *httputil.ProxyRequest) { request.SetURL(&url.URL{Scheme: "http", Host: address}) },
		Transport: transport,
	}
}

// who is the answer of /whoami.
type who struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	// Visits counted so far; absent without a key-value server.
	Visits int64 `json:"visits,omitempty"`
	// Fault says why visits are not counted.
	Fault string `json:"fault,omitempty"`
}

const page = `<!doctype html>
<title>It works</title>
<h1>It works</h1>
<p>This is %s at %s. Upload an index.html to say something else.</p>
`
