package mapreduce

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// office is where the coordinator is spoken to. Anyone may ask how the job stands and what came of it; only who knows the
// token gets and brings work.
type office struct {
	board *board
	input string
	token string
	// ending is closed when those who wait for a task are to be let go.
	ending <-chan struct{}
}

// waitLimit is how long a worker's question for a task stays open.
const waitLimit = 10 * time.Second

// maxReport bounds what a worker says of an attempt, in bytes.
const maxReport = 1 << 20

func (o *office) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(writer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(writer, "well") // a client that went away needs no answer
	})
	mux.HandleFunc("GET /status", func(writer http.ResponseWriter, _ *http.Request) { answer(writer, o.board.status()) })
	mux.HandleFunc("GET /{$}", func(writer http.ResponseWriter, _ *http.Request) { answer(writer, o.board.status()) })
	mux.HandleFunc("GET /output", o.whole)
	mux.HandleFunc("GET /output/{part}", o.part)
	mux.HandleFunc("POST /tasks", o.workers(o.task))
	mux.HandleFunc("GET /attempts/{attempt}/input", o.workers(o.feed))
	mux.HandleFunc("PUT /attempts/{attempt}/parts/{part}", o.workers(o.receive))
	mux.HandleFunc("POST /attempts/{attempt}/renew", o.workers(func(_ http.ResponseWriter, request *http.Request) error {
		_, err := o.board.renew(request.PathValue("attempt"))
		return err
	}))
	mux.HandleFunc("POST /attempts/{attempt}/return", o.workers(func(_ http.ResponseWriter, request *http.Request) error {
		return o.board.giveBack(request.PathValue("attempt"))
	}))
	mux.HandleFunc("POST /attempts/{attempt}/done", o.workers(o.ended))
	mux.HandleFunc("POST /attempts/{attempt}/failed", o.workers(o.ended))
	return mux
}

// workers lets only workers by, and tells them what went wrong.
func (o *office) workers(do func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	wanted := []byte("Bearer " + o.token)
	return func(writer http.ResponseWriter, request *http.Request) {
		if subtle.ConstantTimeCompare([]byte(request.Header.Get("Authorization")), wanted) != 1 {
			http.Error(writer, "only the job's workers may do this", http.StatusUnauthorized)
			return
		}
		switch err := do(writer, request); {
		case err == nil:
		case errors.Is(err, errGone):
			http.Error(writer, err.Error(), http.StatusGone)
		case errors.Is(err, errRequest):
			http.Error(writer, err.Error(), http.StatusBadRequest)
		default:
			fmt.Fprintf(os.Stderr, "map-reduce: %s %s: %v\n", request.Method, request.URL.Path, err)
			http.Error(writer, err.Error(), http.StatusInternalServerError)
		}
	}
}

// errRequest is wrapped by what is wrong with a request.
var errRequest = errors.New("bad request")

func answer(writer http.ResponseWriter, value any) {
	writer.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(writer)
	encoder.SetIndent("", "  ")
	encoder.Encode(value) //nolint:errcheck // a client that went away needs no answer
}

// task gives a worker a task, and lets it wait for one for a while.
func (o *office) task(writer http.ResponseWriter, request *http.Request) error {
	name := request.URL.Query().Get("worker")
	if name == "" {
		return fmt.Errorf("%w: which worker?", errRequest)
	}
	wait, cancel := context.WithTimeout(request.Context(), waitLimit)
	defer cancel()
	for {
		task, changed, err := o.board.take(name)
		if err != nil {
			return err
		}
		if task.Attempt != "" {
			answer(writer, task)
			return nil
		}
		select {
		case <-changed:
		case <-o.ending:
			writer.WriteHeader(http.StatusNoContent)
			return nil
		case <-wait.Done():
			writer.WriteHeader(http.StatusNoContent)
			return nil
		}
	}
}

// feed sends the input of an attempt: a stretch of a file, or what every map task has for a reducer, one after the other.
func (o *office) feed(writer http.ResponseWriter, request *http.Request) error {
	attempt, err := o.board.renew(request.PathValue("attempt"))
	if err != nil {
		return err
	}
	var sources []stretch
	if task := attempt.task; task.kind == mapKind {
		path := filepath.Join(o.input, task.split.File)
		sources = append(sources, stretch{path, task.split.Start, task.split.End - task.split.Start})
	} else if sources, err = o.board.shuffled(task.index); err != nil {
		return err
	}
	var size int64
	for _, one := range sources {
		size += one.size
	}
	writer.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	for _, one := range sources {
		if err := one.send(writer); err != nil {
			fmt.Fprintf(os.Stderr, "map-reduce: input of %s: %v\n", attempt.id, err)
			panic(http.ErrAbortHandler) // the worker sees that it has not got everything
		}
	}
	return nil
}

// stretch of a file, in bytes.
type stretch struct {
	path        string
	start, size int64
}

func (s stretch) send(writer io.Writer) error {
	file, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer file.Close() // only read
	_, err = io.Copy(writer, io.NewSectionReader(file, s.start, s.size))
	return err
}

// receive takes a part of what an attempt brings.
func (o *office) receive(_ http.ResponseWriter, request *http.Request) error {
	attempt, err := o.board.renew(request.PathValue("attempt"))
	if err != nil {
		return err
	}
	part, err := strconv.Atoi(request.PathValue("part"))
	if err != nil || part < 0 || part >= o.board.job.Reducers {
		return fmt.Errorf("%w: no part %q", errRequest, request.PathValue("part"))
	}
	if err := o.board.results.receive(attempt.id, part, request.Body); err != nil {
		if _, gone := o.board.renew(attempt.id); gone != nil { // and its directory with it
			return gone
		}
		return fmt.Errorf("part %d of %s: %w", part, attempt.id, err)
	}
	return nil
}

// ended takes the end of an attempt, good or bad.
func (o *office) ended(_ http.ResponseWriter, request *http.Request) error {
	var said report
	if err := json.NewDecoder(io.LimitReader(request.Body, maxReport)).Decode(&said); err != nil {
		return fmt.Errorf("%w: %w", errRequest, err)
	}
	if said.Fault != "" {
		return o.board.fail(request.PathValue("attempt"), said.Fault)
	}
	return o.board.finish(request.PathValue("attempt"), said.Counters)
}

// whole sends all parts of the output, one after the other, once the job is done.
func (o *office) whole(writer http.ResponseWriter, _ *http.Request) {
	status := o.board.status()
	if status.State != jobDone {
		http.Error(writer, status.String(), http.StatusConflict)
		return
	}
	writer.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for index := range status.Output {
		path := o.board.results.part(index)
		information, err := os.Stat(path)
		if err == nil {
			err = stretch{path, 0, information.Size()}.send(writer)
		}
		if err != nil {
			panic(http.ErrAbortHandler) // so that nobody takes it for all
		}
	}
}

// part sends one part of the output, once it is there.
func (o *office) part(writer http.ResponseWriter, request *http.Request) {
	for index := range o.board.job.Reducers {
		if partName(index) != request.PathValue("part") {
			continue
		}
		if status := o.board.status(); status.State == jobRunning && !o.board.reduced(index) {
			http.Error(writer, status.String(), http.StatusConflict)
			return
		}
		writer.Header().Set("Content-Type", "text/plain; charset=utf-8")
		http.ServeFile(writer, request, o.board.results.part(index))
		return
	}
	http.NotFound(writer, request)
}
