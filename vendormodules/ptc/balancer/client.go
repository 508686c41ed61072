package balancer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// Reload lets the balancer of a directory take its targets from the record again, and returns when it has. Where those that
// are to go are the only ones that serve, it waits so long for one that is to stay to be healthy. ErrNeeded says that none
// was, and that the balancer goes on with the targets that it had: the record is the caller's to put right.
func Reload(ctx context.Context, directory record.Directory, within time.Duration) error {
	return ask(ctx, directory, http.MethodPost, "targets?within="+within.String(), nil)
}

// Read asks the balancer of a directory for its figures.
func Read(ctx context.Context, directory record.Directory) (Figures, error) {
	var figures Figures
	return figures, ask(ctx, directory, http.MethodGet, "figures", &figures)
}

func ask(ctx context.Context, directory record.Directory, method, what string, into *Figures) (err error) {
	opened, err := os.Open(string(directory))
	if err != nil {
		return fmt.Errorf("balancer: %w", err)
	}
	defer opened.Close() // only read
	path := controlPath(opened)
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://balancer/"+what, nil)
	if err != nil {
		return fmt.Errorf("balancer: %w", err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("balancer: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode == http.StatusConflict {
		text, err := io.ReadAll(response.Body)
		return errors.Join(fmt.Errorf("%w: %s", ErrNeeded, strings.TrimSpace(string(text))), err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("balancer: %s: %s", what, response.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}
