package docker

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/vendormodules"
)

// pause is how long an engine, or what stands before it, wants to be left alone. The client passes on what such an answer
// says, and not what stands in its header; so that is kept here, and who asks again too early hears it without the engine
// being asked.
type pause struct {
	now func() time.Time

	mutex sync.Mutex
	until time.Time
}

// options make a client keep to the pause.
func (p *pause) options() []client.Opt {
	return []client.Opt{client.WithHTTPResponseHook(p.notice), client.WithHTTPRequestHook(p.hold)}
}

// notice keeps what an answer says.
func (p *pause) notice(answer *http.Response) {
	if answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusServiceUnavailable {
		return
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // most say nothing
	until := p.now().Add(time.Duration(seconds) * time.Second)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if until.After(p.until) {
		p.until = until
	}
}

// hold refuses a request while the pause lasts.
func (p *pause) hold(*http.Request) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if left := p.until.Sub(p.now()); left > 0 {
		return throttled{left}
	}
	return nil
}

// throttled is the error of a request that was not made.
type throttled struct{ left time.Duration }

func (t throttled) Error() string {
	return fmt.Sprintf("the engine wants to be left alone for %s", t.left.Round(time.Millisecond))
}

func (throttled) Unwrap() error { return vendormodules.ErrTransient }

// RetryAfter implements vendormodules.RetryAfter.
func (t throttled) RetryAfter() time.Duration { return t.left }
