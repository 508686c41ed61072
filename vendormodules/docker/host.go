package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// host is one engine.
type host struct {
	hostConfiguration

	credential func(context.Context) (services.Credential, error)
	// connecting holds a token while nobody connects.
	connecting chan struct{}
	engine     *client.Client
	// used is the credential that the engine was connected by, end what ends the connection beside the client.
	used  services.Credential
	end   func() error
	pause pause
}

func newHost(
	configuration hostConfiguration, credential func(context.Context) (services.Credential, error), now func() time.Time,
) *host {
	h := &host{
		hostConfiguration: configuration, credential: credential, connecting: make(chan struct{}, 1), pause: pause{now: now},
	}
	h.connecting <- struct{}{}
	return h
}

// connect returns a client that has spoken to the engine, by the credential that is stored now.
func (h *host) connect(ctx context.Context) (*client.Client, error) {
	select {
	case <-h.connecting:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { h.connecting <- struct{}{} }()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	credential, err := h.credential(ctx)
	if err != nil {
		return nil, fmt.Errorf("docker: reach %s: %w", h.Endpoint, err)
	}
	if h.engine != nil && same(credential, h.used) {
		return h.engine, nil
	}
	err = h.close()
	if err == nil {
		h.engine, h.end, err = h.dial(ctx, credential)
	}
	if err != nil {
		return nil, failed(err, "reach %s", h.Endpoint)
	}
	h.used = credential
	return h.engine, nil
}

func same(one, other services.Credential) bool {
	return maps.EqualFunc(one, other, func(a, b services.Secret) bool { return a.Reveal() == b.Reveal() })
}

// close lets go of the engine. The caller holds the token.
func (h *host) close() error {
	if h.engine == nil {
		return nil
	}
	err := errors.Join(h.engine.Close(), h.end())
	h.engine = nil
	return err
}

// Close waits for whoever connects, and lets go of the engine.
func (h *host) Close() error {
	<-h.connecting
	defer func() { h.connecting <- struct{}{} }()
	return h.close()
}

// dial makes a client for the engine, and speaks to it.
func (h *host) dial(ctx context.Context, credential services.Credential) (*client.Client, func() error, error) {
	endpoint, options := h.Endpoint, h.pause.options()
	end := func() error { return nil }
	switch scheme(endpoint) {
	case "tcp":
		secured, err := secure(credential)
		if err != nil {
			return nil, nil, err
		}
		transport := &http.Transport{TLSClientConfig: secured}
		options = append(options, client.WithHTTPClient(&http.Client{Transport: transport}), client.WithHost(endpoint))
	case "ssh":
		tunnel, err := newTunnel(endpoint, credential)
		if err != nil {
			return nil, nil, err
		}
		end = tunnel.Close
		options = append(options, client.WithHost("tcp://engine"), client.WithDialContext(tunnel.dial), client.WithScheme("http"))
	default:
		options = append(options, client.WithHost(endpoint), client.WithScheme("http"))
	}
	engine, err := client.New(options...)
	if err != nil {
		return nil, nil, errors.Join(err, end())
	}
	if _, err := engine.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, nil, errors.Join(err, engine.Close(), end())
	}
	return engine, end, nil
}

// each lets work be done at every host, at the same time where there are several, and returns the first failure.
func each[T any](ctx context.Context, hosts []*host, work func(context.Context, *host) (T, error)) ([]T, error) {
	results, failures := make([]T, len(hosts)), make([]error, len(hosts))
	if len(hosts) == 1 {
		results[0], failures[0] = work(ctx, hosts[0])
		return results, failures[0]
	}
	var workers sync.WaitGroup
	for index, one := range hosts {
		workers.Go(func() { results[index], failures[index] = work(ctx, one) })
	}
	workers.Wait()
	return results, errors.Join(failures...)
}

// locate finds a resource and the host that it is at. Where it is at none, each of them must say so.
func (m *Module) locate(ctx context.Context, text string) (found, error) {
	kind, key, err := parseID(text)
	if err := ctx.Err(); err != nil {
		return found{}, err
	}
	if err != nil {
		return found{}, err
	}
	all, err := each(ctx, m.hosts, func(ctx context.Context, at *host) ([]found, error) {
		return at.list(ctx, kind, labelKey+"="+key)
	})
	for _, listed := range all {
		if len(listed) > 0 {
			return listed[0], nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%s: %w", text, vendormodules.ErrNotFound)
	}
	return found{}, err
}
