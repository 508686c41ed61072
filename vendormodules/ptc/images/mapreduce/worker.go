package mapreduce

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Employment is what a worker works with.
type Employment struct {
	// Name tells the worker from the others.
	Name string
	// Coordinator is its address: HOST:PORT.
	Coordinator string
	// Token that the coordinator knows.
	Token string
	// Slots is how many tasks are worked at side by side, at least 1.
	Slots int
	// Scratch is the directory of what does not fit into memory; the system's for temporary files if empty.
	Scratch string
	// Environment of the job's commands.
	Environment []string
}

// Bounds on the time between two questions to a coordinator that does not answer, and on the time that a worker takes to
// give its task back at its end.
const (
	leastPause, longestPause = 100 * time.Millisecond, 2 * time.Second
	farewell                 = 2 * time.Second
	// dialLimit and answerLimit bound the time to reach the coordinator, and that to its answer.
	dialLimit, answerLimit = 5 * time.Second, waitLimit + 20*time.Second
)

// worker works for one coordinator.
type worker struct {
	Employment

	desk *desk
}

// Work asks a coordinator for tasks and does them, until the context ends. It waits for a coordinator that does not answer.
// The error says that the coordinator does not want the worker.
func Work(ctx context.Context, with Employment) error {
	if with.Token == "" {
		return errors.New("a worker needs the token that its coordinator knows")
	}
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialLimit}).DialContext,
		MaxIdleConnsPerHost: 2*with.Slots + 2, ResponseHeaderTimeout: answerLimit,
	}
	defer transport.CloseIdleConnections()
	w := &worker{with, &desk{with.Coordinator, with.Token, &http.Client{Transport: transport}}}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make([]error, max(with.Slots, 1))
	var slots sync.WaitGroup
	for i := range ended {
		slots.Go(func() {
			ended[i] = w.loop(ctx)
			cancel() // when one is not wanted, none is
		})
	}
	slots.Wait()
	return errors.Join(ended...)
}

// loop does one task after the other.
func (w *worker) loop(ctx context.Context) error {
	pause := leastPause
	for ctx.Err() == nil {
		task, err := w.desk.task(ctx, w.Name)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, errDenied):
			return err
		case err != nil:
			fmt.Fprintf(os.Stderr, "map-reduce: %v\n", err)
			if !wait(ctx, pause) {
				return nil
			}
			pause = min(2*pause, longestPause)
			continue
		case task.Attempt != "":
			w.do(ctx, task)
		}
		pause = leastPause
	}
	return nil
}

// wait returns after a while; it is false if the context ended first.
func wait(ctx context.Context, long time.Duration) bool {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// do works at a task and reports how that ended.
func (w *worker) do(ctx context.Context, task assignment) {
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var renewing sync.WaitGroup
	renewing.Go(func() { w.renew(working, stop, task) })
	counters, err := w.execute(working, task)
	if err == nil {
		err = w.desk.end(working, task.Attempt, report{Counters: counters})
	}
	lost := errors.Is(err, errGone) || errors.Is(context.Cause(working), errGone)
	stop(nil)
	renewing.Wait()
	switch {
	case err == nil:
		return
	case lost: // somebody else has it
		fmt.Fprintf(os.Stderr, "map-reduce: %s is given to another\n", task.Attempt)
		return
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if ctx.Err() != nil {
		err = w.desk.giveBack(limit, task.Attempt)
	} else {
		fmt.Fprintf(os.Stderr, "map-reduce: %s: %v\n", task.Attempt, err)
		err = w.desk.end(limit, task.Attempt, report{Fault: err.Error()})
	}
	if err != nil { // it is given to another when the lease has run out
		fmt.Fprintf(os.Stderr, "map-reduce: %s: %v\n", task.Attempt, err)
	}
}

// renew tells the coordinator now and then that the worker lives, and ends the work when it does not count any more.
func (w *worker) renew(ctx context.Context, stop context.CancelCauseFunc, task assignment) {
	every := max(time.Duration(task.Lease)*time.Millisecond/4, 10*time.Millisecond)
	for wait(ctx, every) {
		if err := w.desk.renew(ctx, task.Attempt); errors.Is(err, errGone) {
			stop(err)
			return
		}
	}
}
