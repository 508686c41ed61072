package openstack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// exchange is one request to the testbed and its answer, as it was recorded.
type exchange struct {
	Method string `json:"method"`
	// URL without its scheme and host: ":9696/v2.0/ports?name=web".
	URL    string            `json:"url"`
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"`
	// Again is how often the same was answered to the same question before any other answer to it.
	Again int `json:"again,omitempty"`
}

// name of what was asked.
func (e exchange) name() string { return e.Method + " " + e.URL }

// located is the part of a request's address that a record keeps.
func located(request *http.Request) string {
	return ":" + request.URL.Port() + request.URL.RequestURI()
}

// recorded answers as the testbed did: the same question, asked again, gets the next answer, and at the end the last. It
// knows of nothing else. Its methods may be called from several goroutines at once.
type recorded struct {
	mutex   sync.Mutex
	answers map[string][]exchange
	asked   []exchange
	// instead, unless nil, may answer before the record does.
	instead func(request *http.Request) *http.Response
}

func record(name string) string { return filepath.Join("testdata", name+".json") }

func replay(t testing.TB, name string) *recorded {
	t.Helper()
	content, err := os.ReadFile(record(name))
	must(t, err)
	var all []exchange
	must(t, json.Unmarshal(content, &all))
	r := &recorded{answers: map[string][]exchange{}}
	for _, one := range all {
		r.answers[one.name()] = append(r.answers[one.name()], one)
	}
	return r
}

// RoundTrip implements http.RoundTripper.
func (r *recorded) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	asked := exchange{Method: request.Method, URL: located(request)}
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		asked.Body = string(body)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.asked = append(r.asked, asked)
	if r.instead != nil {
		if response := r.instead(request); response != nil {
			response.Request = request
			return response, nil
		}
	}
	left := r.answers[asked.name()]
	if len(left) == 0 {
		return nil, fmt.Errorf("nobody asked the testbed to %s", asked.name())
	}
	now := &left[0]
	response := answer(now.Status, now.Body)
	for name, value := range now.Header {
		response.Header.Set(name, value)
	}
	if now.Again > 0 {
		now.Again--
	} else if len(left) > 1 {
		r.answers[asked.name()] = left[1:]
	}
	response.Request = request
	return response, nil
}

func answer(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewBufferString(body)),
	}
}

// count is how often something was asked whose method and path begin so.
func (r *recorded) count(beginning string) int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	count := 0
	for _, one := range r.asked {
		if strings.HasPrefix(one.name(), beginning) {
			count++
		}
	}
	return count
}

// logins is how often somebody signed in.
func (r *recorded) logins() int { return r.count("POST :5000/v3/auth/tokens") }

// sent is everything that was sent, one request a line.
func (r *recorded) sent() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var text strings.Builder
	for _, one := range r.asked {
		fmt.Fprintf(&text, "%s %s\n", one.name(), one.Body)
	}
	return text.String()
}
