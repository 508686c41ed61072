//go:build testbed

package openstack_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"sync"
	"testing"
)

// recorder asks the testbed and writes down what it answers.
type recorder struct {
	mutex sync.Mutex
	all   []exchange
}

// ends is when a token does. Those that are recorded never do.
var ends = regexp.MustCompile(`"expires_at":\s*"[^"]*"`)

// RoundTrip implements http.RoundTripper. Tokens are not written down.
func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	one := exchange{
		Method: request.Method, URL: located(request), Status: response.StatusCode,
		Header: map[string]string{}, Body: ends.ReplaceAllString(string(body), `"expires_at": "9999-12-31T23:59:59.000000Z"`),
	}
	for _, name := range []string{"Location", "Retry-After"} {
		if value := response.Header.Get(name); value != "" {
			one.Header[name] = value
		}
	}
	if response.Header.Get("X-Subject-Token") != "" {
		one.Header["X-Subject-Token"] = "recorded"
	}
	r.note(one)
	return response, nil
}

// note keeps an exchange; the same answer to the same question is counted.
func (r *recorder) note(one exchange) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for index := range slices.Backward(r.all) {
		if earlier := &r.all[index]; earlier.name() == one.name() {
			if earlier.Body == one.Body && earlier.Status == one.Status {
				earlier.Again++
				return
			}
			break
		}
	}
	r.all = append(r.all, one)
}

// TestRecord holds the scenarios' conversations with the testbed. With UPDATE_RECORDS=1 it writes down what is said.
func TestRecord(t *testing.T) {
	for name, hold := range scenarios {
		t.Run(name, func(t *testing.T) {
			recorder := &recorder{}
			module := open(t, suiteConfiguration, suite(), recorder)
			hold(t, module)
			must(t, module.Close())
			if os.Getenv("UPDATE_RECORDS") == "" {
				return
			}
			content, err := json.MarshalIndent(recorder.all, "", " ")
			must(t, err)
			must(t, os.WriteFile(record(name), append(content, '\n'), 0o644))
		})
	}
}
