// Package pages serves HTTP for the images' commands, from a listener's opening to its orderly end.
package pages

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// headerLimit, idleLimit and shutdownLimit bound the time to read a request's header, to wait for the next request, and
// to finish requests at the end.
const headerLimit, idleLimit, shutdownLimit = 10 * time.Second, time.Minute, 2 * time.Second

// Serve answers requests on a listener until the context ends; requests under way then have a moment left. It closes the
// listener.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit}
	done := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
		defer cancel()
		if server.Shutdown(limit) != nil {
			done <- server.Close()
			return
		}
		done <- nil
	})
	err := server.Serve(listener)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-done
}
