package mapreduce_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/mapreduce"
)

// take takes a task as a worker of a name does, and returns the attempt.
func (h *house) take(worker string) string {
	h.Helper()
	var task struct {
		Attempt string `json:"attempt"`
	}
	code, answer := h.ask(http.MethodPost, "/tasks?worker="+worker, "")
	if err := json.Unmarshal([]byte(answer), &task); err != nil || code != http.StatusOK || task.Attempt == "" {
		h.Fatal(code, answer, err)
	}
	return task.Attempt
}

// answers wants one answer to a request.
func (h *house) answers(want int, method, path, body string) {
	h.Helper()
	if code, text := h.ask(method, path, body); code != want {
		h.Errorf("%s %s: %d %s, want %d", method, path, code, text, want)
	}
}

// TestLostWorker has a worker that takes a task and is not heard of again before its lease has run out; what it brings
// then does not count.
func TestLostWorker(t *testing.T) {
	text, counts := prose(4, 500)
	h := newHouse(t, wordCount, map[string]string{"in": text})
	var ahead atomic.Int64
	h.with.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	h.with.Lease = time.Hour
	h.coordinate()
	lost := "/attempts/" + h.take("lost")
	h.hire("steady")
	h.until(func(status mapreduce.Status) bool { return status.Maps.Done == status.Maps.Total-1 })
	h.answers(http.StatusOK, http.MethodPost, lost+"/renew", "")
	h.answers(http.StatusOK, http.MethodPut, lost+"/parts/0", "false\t1\n")
	ahead.Store(int64(2 * time.Hour))
	h.answers(http.StatusOK, http.MethodPost, "/attempts/"+h.take("leaving")+"/return", "") // to whom it was given, and who ends
	status := h.until(ended)
	h.answers(http.StatusGone, http.MethodPut, lost+"/parts/0", "false\t1\n")
	h.answers(http.StatusGone, http.MethodPost, lost+"/done", "{}")
	h.answers(http.StatusGone, http.MethodPost, lost+"/renew", "")
	if status.Counters["lost-attempts"] != 1 || status.Counters["failed-attempts"] != 0 || len(status.Failures) != 1 ||
		!strings.Contains(status.Failures[0].Fault, "lost was not heard of for 1h") {
		t.Errorf("%+v", status)
	}
	if got, want := sortedLines(h.output()), written(counts); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestFailingMapper has a mapper that fails the first time that it is given each split.
func TestFailingMapper(t *testing.T) {
	text, counts := prose(5, 500)
	job, marks := wordCount, t.TempDir()
	job.Mapper = fmt.Sprintf(`mkdir "%s/$mapreduce_task_id" && { echo cannot read >&2; exit 3; }; `, marks) + job.Mapper
	h := newHouse(t, job, map[string]string{"in": text})
	h.coordinate()
	h.hire("one")
	status := h.until(ended)
	if status.State != "done" || status.Counters["failed-attempts"] != int64(status.Maps.Total) {
		t.Fatalf("%+v", status)
	}
	if failed := status.Failures[0]; failed.Worker != "one" || !strings.Contains(failed.Fault, "mapper: exit status 3: cannot read") {
		t.Errorf("%+v", failed)
	}
	if got, want := sortedLines(h.output()), written(counts); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestHopelessJob has a reducer that always fails: the job ends with it, and says why; it does so still after a restart.
func TestHopelessJob(t *testing.T) {
	job := wordCount
	job.Reducer, job.Reducers, job.Attempts = "cat >/dev/null; echo no use >&2; exit 1", 1, 3
	h := newHouse(t, job, map[string]string{"in": "a b c\n"})
	for range 2 {
		end := h.coordinate()
		leave := h.hire("one")
		status := h.until(ended)
		if status.State != "failed" || status.Counters["failed-attempts"] != 3 || status.Ended.IsZero() {
			t.Errorf("%+v", status)
		}
		code, text := h.ask(http.MethodGet, "/output", "")
		if code != http.StatusConflict || !strings.Contains(text, "failed") || !strings.Contains(text, "no use") {
			t.Error(code, text)
		}
		leave()
		end()
	}
}

// TestCoordinatorGoesOn ends the coordinator in the midst of a job. The one that follows does nothing twice that was done,
// also when the last thing it wrote was cut short.
func TestCoordinatorGoesOn(t *testing.T) {
	text, counts := prose(6, 600)
	job, marks := wordCount, t.TempDir()
	job.Split = 200
	gate := filepath.Join(t.TempDir(), "open")
	// The fifth task waits for the gate.
	job.Mapper = fmt.Sprintf(`echo x >> "%s/$mapreduce_task_id"; [ $mapreduce_task_partition = 4 ] && `+
		`until [ -e %s ]; do sleep 0.01; done; `, marks, gate) + job.Mapper
	h := newHouse(t, job, map[string]string{"in": text})
	end := h.coordinate()
	leave := h.hire("one")
	h.until(func(status mapreduce.Status) bool { return status.Maps.Done >= 3 })
	leave()
	before := h.status()
	end()
	journal := filepath.Join(h.with.Data, "journal")
	file, err := os.OpenFile(journal, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"at":"2026-01-01T00:00:00Z","done":"map-00004"`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	end = h.coordinate()
	if again := h.status(); again.Maps.Done != before.Maps.Done || !again.Started.Equal(before.Started) {
		t.Errorf("before %+v, and then %+v", before, again)
	}
	h.hire("two")
	status := h.until(ended)
	if got, want := sortedLines(h.output()), written(counts); status.State != "done" || !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	twice := 0
	for task := range status.Maps.Total {
		mark, err := os.ReadFile(filepath.Join(marks, fmt.Sprintf("map-%05d", task)))
		if err != nil {
			t.Error(err)
		}
		if len(mark) > 2 {
			twice++
		}
	}
	if most := 2; twice > most { // the slots of the worker that ended
		t.Errorf("%d tasks were done twice, want at most %d", twice, most)
	}
	output := h.output()
	end()
	h.coordinate()
	if again := h.status(); again.State != "done" || again.Counters["map-output-records"] != status.Counters["map-output-records"] {
		t.Errorf("%+v", again)
	}
	if h.output() != output {
		t.Error("the output is another after a restart")
	}
}

// TestAnotherJobBeginsAfresh leads a coordinator with another job to the same directory.
func TestAnotherJobBeginsAfresh(t *testing.T) {
	h := newHouse(t, wordCount, map[string]string{"in": "a b a\n"})
	end := h.coordinate()
	leave := h.hire("one")
	h.until(ended)
	leave()
	end()
	h.with.Job.Mapper, h.with.Job.Combiner = "cat", ""
	h.with.Job.Reducer = "cat"
	h.coordinate()
	h.hire("one")
	h.until(ended)
	if got := h.output(); got != "a b a\n" {
		t.Errorf("%q", got)
	}
}

// TestOnlyWorkersWork refuses whoever does not know the token, and keeps the token from the job's commands.
func TestOnlyWorkersWork(t *testing.T) {
	h := newHouse(t, wordCount, map[string]string{"in": "a\n"})
	h.coordinate()
	answer, err := http.Post("http://"+h.address+"/tasks?worker=x", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Error(answer.Status)
	}
	with := mapreduce.Employment{Name: "spy", Coordinator: h.address, Token: "guessed", Slots: 3}
	if err := mapreduce.Work(t.Context(), with); err == nil || !strings.Contains(err.Error(), "token") {
		t.Error(err)
	}
	h.answers(http.StatusGone, http.MethodGet, "/attempts/none/input", "")
	h.answers(http.StatusBadRequest, http.MethodPost, "/tasks", "")
	h.answers(http.StatusNotFound, http.MethodGet, "/output/part-00009", "")
	h.answers(http.StatusNotFound, http.MethodGet, "/output/..%2Fjournal", "")
	h.answers(http.StatusConflict, http.MethodGet, "/output/part-00000", "")
	attempt := "/attempts/" + h.take("one")
	h.answers(http.StatusBadRequest, http.MethodPut, attempt+"/parts/3", "a\t1\n")
	h.answers(http.StatusBadRequest, http.MethodPut, attempt+"/parts/-1", "a\t1\n")
	h.answers(http.StatusBadRequest, http.MethodPost, attempt+"/done", "nonsense")
	h.answers(http.StatusInternalServerError, http.MethodPost, attempt+"/done", "{}") // without its parts
}

func TestWrongJobs(t *testing.T) {
	for name, spoil := range map[string]func(*mapreduce.Coordination){
		"no mapper":           func(with *mapreduce.Coordination) { with.Job.Mapper = "" },
		"no reducer":          func(with *mapreduce.Coordination) { with.Job.Reducer = "" },
		"each is at least 1":  func(with *mapreduce.Coordination) { with.Job.Reducers = 0 },
		"token":               func(with *mapreduce.Coordination) { with.Token = "" },
		"there is nothing in": func(with *mapreduce.Coordination) { with.Input = t.TempDir() },
		"no such file":        func(with *mapreduce.Coordination) { with.Input += "/none" },
		"not a directory":     func(with *mapreduce.Coordination) { with.Data = filepath.Join(with.Input, "in") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, wordCount, map[string]string{"in": "a\n"})
			spoil(&h.with)
			listener := listen(t)
			err := mapreduce.Coordinate(context.Background(), listener, h.with)
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Error(err)
			}
		})
	}
	if err := mapreduce.Work(t.Context(), mapreduce.Employment{}); err == nil || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
