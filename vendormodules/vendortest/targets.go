package vendortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// LocalTarget starts an HTTP server on this machine that answers every request by its name, until the test ends.
func LocalTarget(t *testing.T, name string) vendormodules.Target {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
		io.WriteString(writer, name) //nolint:errcheck // a client that went away needs no answer
	}))
	t.Cleanup(server.Close)
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatalf("address of target %s: %v", name, err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatalf("port of target %s: %v", name, err)
	}
	return vendormodules.Target{Name: name, Address: host, Port: number}
}

// HTTPFetch gets / of a balancer at its first address, by a connection of its own each time.
func HTTPFetch(ctx context.Context, balancer vendormodules.Resource, class descriptors.Class) (string, error) {
	if len(balancer.Addresses) == 0 {
		return "", fmt.Errorf("balancer %s has no address", balancer.ID)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	address := net.JoinHostPort(balancer.Addresses[0].Address, strconv.Itoa(class.Listen))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return "", fmt.Errorf("ask balancer %s: %w", balancer.ID, err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", fmt.Errorf("ask balancer %s: %w", balancer.ID, err)
	}
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return "", fmt.Errorf("read the answer of balancer %s: %w", balancer.ID, err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("balancer %s answers %s", balancer.ID, response.Status)
	}
	return strings.TrimSpace(string(body)), nil
}
