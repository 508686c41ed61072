package balancer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// shutdownLimit is how long requests under way may take when the balancer ends.
const shutdownLimit = 2 * time.Second

// headerLimit bounds the time to read a request's header, idleLimit the time that a connection waits for the next.
const headerLimit, idleLimit = 10 * time.Second, time.Minute

// Server is a balancer that listens. It waits for connections from Listen on and answers them from Serve on.
type Server struct {
	directory record.Directory
	class     descriptors.Class
	log       io.Writer
	listeners []net.Listener
	control   net.Listener
	meter     meter
}

// Listen listens on every address of the balancer whose directory it is. It writes on log what becomes of the targets.
func Listen(ctx context.Context, directory record.Directory, log io.Writer) (*Server, error) {
	of, err := directory.Read()
	if err != nil {
		return nil, err
	}
	s := &Server{directory: directory, class: of.Class.WithDefaults(), log: log}
	var config net.ListenConfig
	for _, address := range of.Addresses {
		listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(address.Address.Address, strconv.Itoa(s.class.Listen)))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("balancer: %w", err), s.Close())
		}
		s.listeners = append(s.listeners, listener)
	}
	if s.control, err = listenControl(directory); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close stops listening, for a server that does not serve.
func (s *Server) Close() error {
	var all error
	for _, listener := range append(s.listeners, s.control) {
		if listener != nil {
			all = errors.Join(all, listener.Close())
		}
	}
	return all
}

// Serve balances until the context ends; then it takes nothing new, and returns when what it has is finished or the
// time for that is over.
func (s *Server) Serve(ctx context.Context) error {
	inner, end := context.WithCancel(context.WithoutCancel(ctx))
	pool := newPool(inner, s.class.Check, s.log)
	defer pool.close()
	defer end()
	of, err := s.directory.Read()
	if err != nil {
		return errors.Join(err, s.Close())
	}
	if err := pool.set(ctx, of.Targets, 0); err != nil { // the first ones: there is nobody to wait for
		return errors.Join(err, s.Close())
	}

	group, stopped := errgroup.WithContext(ctx)
	control := &http.Server{Handler: s.controls(pool), ReadHeaderTimeout: headerLimit}
	group.Go(func() error { return ignoreClosed(control.Serve(s.control)) })
	group.Go(func() error {
		<-stopped.Done()
		return control.Close()
	})
	if s.class.Protocol == "tcp" {
		s.serveTCP(group, stopped, inner, end, pool)
	} else {
		s.serveHTTP(group, stopped, pool)
	}
	return group.Wait()
}

func (s *Server) serveHTTP(group *errgroup.Group, stopped context.Context, pool *pool) {
	proxy := &proxy{pool: pool, meter: &s.meter}
	server := &http.Server{Handler: proxy.handler(), ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit}
	for _, listener := range s.listeners {
		group.Go(func() error { return ignoreClosed(server.Serve(listener)) })
	}
	group.Go(func() error {
		<-stopped.Done()
		limit, cancel := context.WithTimeout(context.WithoutCancel(stopped), shutdownLimit)
		defer cancel()
		if err := server.Shutdown(limit); err != nil {
			return server.Close() // what has not finished is cut
		}
		return nil
	})
}

func (s *Server) serveTCP(group *errgroup.Group, stopped, inner context.Context, end func(), pool *pool) {
	var relays sync.WaitGroup
	for _, listener := range s.listeners {
		relays.Go(func() { (&relay{pool: pool, meter: &s.meter}).serve(inner, listener) })
	}
	group.Go(func() error {
		<-stopped.Done()
		var all error
		for _, listener := range s.listeners {
			all = errors.Join(all, listener.Close())
		}
		limit := time.AfterFunc(shutdownLimit, end)
		defer limit.Stop()
		relays.Wait()
		return all
	})
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// listenControl listens on the control socket, by a path short enough for a socket wherever the directory is.
func listenControl(directory record.Directory) (net.Listener, error) {
	opened, err := os.Open(string(directory))
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	defer opened.Close() // only read
	if err := os.Remove(filepath.Join(string(directory), record.Control)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: controlPath(opened), Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	listener.SetUnlinkOnClose(false) // the path is gone by then; the next balancer removes it
	return listener, nil
}

func controlPath(directory *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", directory.Fd(), record.Control)
}

// controls are what the module asks for.
func (s *Server) controls(pool *pool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /targets", func(writer http.ResponseWriter, request *http.Request) {
		of, err := s.directory.Read()
		if err == nil {
			var within time.Duration
			if within, err = time.ParseDuration(request.URL.Query().Get("within")); err == nil {
				err = pool.set(request.Context(), of.Targets, within)
			}
		}
		switch {
		case errors.Is(err, ErrNeeded):
			http.Error(writer, strings.TrimPrefix(err.Error(), ErrNeeded.Error()+": "), http.StatusConflict)
		case err != nil:
			http.Error(writer, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /figures", func(writer http.ResponseWriter, _ *http.Request) {
		figures := s.meter.figures()
		figures.Targets, figures.Healthy = pool.count()
		json.NewEncoder(writer).Encode(figures) //nolint:errcheck // the module asks again
	})
	return mux
}
