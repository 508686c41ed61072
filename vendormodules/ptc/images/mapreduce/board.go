package mapreduce

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// board is where the tasks of a job stand. What it shows has been written down before.
type board struct {
	job     Job
	results results
	journal *journal
	now     func() time.Time
	// lease is how long a worker may be silent before its attempt is lost.
	lease time.Duration

	mutex    sync.Mutex // guards what follows
	maps     []*task
	reduces  []*task
	attempts map[string]*attempt
	workers  map[string]time.Time // when each was heard last
	counters Counters
	failures []failure
	began    time.Time
	ended    time.Time
	// changed is closed, and replaced, when there may be a task that there was not.
	changed chan struct{}
}

// task is a part of the job.
type task struct {
	kind  kind
	index int
	split split // of a map task
	done  bool
	// failed counts the attempts in vain.
	failed  int
	attempt *attempt // under way
}

func (t *task) name() string { return taskName(t.kind, t.index) }

// attempt is a worker's at a task.
type attempt struct {
	id, worker string
	task       *task
	expires    time.Time
}

// failure is an attempt in vain, for people.
type failure struct {
	Task   string    `json:"task"`
	Worker string    `json:"worker"`
	Fault  string    `json:"fault"`
	At     time.Time `json:"at"`
}

// maxFailures are remembered, the last ones.
const maxFailures = 10

// errGone is wrapped by the answers about an attempt that does not count any more.
var errGone = errors.New("the attempt is over")

// openBoard finds where a job stands in a directory. A job that is not the one that the directory is of begins afresh.
func openBoard(job Job, splits []split, directory results, lease time.Duration, now func() time.Time) (*board, error) {
	if err := directory.clear(false); err != nil {
		return nil, err
	}
	began := now().UTC()
	journal, entries, err := openJournal(directory.journal(), job.fingerprint(splits), began)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		if err := directory.clear(true); err != nil {
			return nil, errors.Join(err, journal.close())
		}
	}
	b := &board{
		job: job, results: directory, journal: journal, now: now, lease: lease, attempts: map[string]*attempt{},
		workers: map[string]time.Time{}, counters: Counters{}, began: began, changed: make(chan struct{}),
	}
	tasks := map[string]*task{}
	for index, split := range splits {
		b.maps = append(b.maps, &task{kind: mapKind, index: index, split: split})
	}
	for index := range job.Reducers {
		b.reduces = append(b.reduces, &task{kind: reduceKind, index: index})
	}
	for _, one := range slices.Concat(b.maps, b.reduces) {
		tasks[one.name()] = one
	}
	for _, past := range entries {
		b.apply(tasks, past)
	}
	if b.state() == jobDone {
		err = os.RemoveAll(directory.maps()) // nobody reads it any more
	}
	return b, err
}

// apply lets the board follow an entry of the journal.
func (b *board) apply(tasks map[string]*task, happened entry) {
	b.counters.add(happened.Counters)
	if b.began.After(happened.At) {
		b.began = happened.At
	}
	if one := tasks[happened.Done]; one != nil {
		one.done = true
		if finished(b.reduces) {
			b.ended = happened.At
		}
	}
	if one := tasks[happened.Failed]; one != nil {
		one.failed++
		b.failures = append(b.failures, failure{one.name(), happened.Worker, happened.Fault, happened.At})
		b.failures = b.failures[max(0, len(b.failures)-maxFailures):]
		if one.failed == b.job.Attempts {
			b.ended = happened.At
		}
	}
}

// record writes an entry about one task, and lets the board follow.
func (b *board) record(about *task, happened entry) error {
	happened.At = b.now().UTC()
	if err := b.journal.add(happened); err != nil {
		return err
	}
	b.apply(map[string]*task{about.name(): about}, happened)
	close(b.changed)
	b.changed = make(chan struct{})
	return nil
}

func finished(tasks []*task) bool {
	return !slices.ContainsFunc(tasks, func(one *task) bool { return !one.done })
}

// The states of a job.
const (
	jobRunning = "running"
	jobDone    = "done"
	jobFailed  = "failed"
)

// state of the job.
func (b *board) state() string {
	exhausted := func(one *task) bool { return !one.done && one.failed >= b.job.Attempts }
	switch {
	case finished(b.reduces):
		return jobDone
	case slices.ContainsFunc(b.maps, exhausted), slices.ContainsFunc(b.reduces, exhausted):
		return jobFailed
	}
	return jobRunning
}

// take gives a worker a task: reduce tasks once all map tasks are done. There is none if the assignment has no attempt; the
// channel is closed when there may be one.
func (b *board) take(worker string) (assignment, <-chan struct{}, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.workers[worker] = b.now()
	if err := b.expire(); err != nil {
		return assignment{}, nil, err
	}
	if b.state() != jobRunning {
		return assignment{}, b.changed, nil
	}
	tasks := b.maps
	if finished(b.maps) {
		tasks = b.reduces
	}
	index := slices.IndexFunc(tasks, func(one *task) bool { return !one.done && one.attempt == nil })
	if index < 0 {
		return assignment{}, b.changed, nil
	}
	chosen := tasks[index]
	id := chosen.name() + "-" + rand.Text()
	if err := os.Mkdir(b.results.attempt(id), 0o700); err != nil {
		return assignment{}, nil, err
	}
	chosen.attempt = &attempt{id: id, worker: worker, task: chosen, expires: b.now().Add(b.lease)}
	b.attempts[id] = chosen.attempt
	return assignment{
		Attempt: id, Kind: chosen.kind, Index: chosen.index, File: chosen.split.File, Job: b.job,
		Lease: b.lease.Milliseconds(),
	}, nil, nil
}

// expire gives up the attempts of workers that have been silent for too long.
func (b *board) expire() error {
	for _, one := range b.attempts {
		if b.now().Before(one.expires) {
			continue
		}
		if err := b.drop(one); err != nil {
			return err
		}
		fault := fmt.Sprintf("%s was not heard of for %s", one.worker, b.lease)
		err := b.record(one.task, entry{
			Failed: one.task.name(), Worker: one.worker, Fault: fault, Counters: Counters{lostAttempts: 1},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// drop forgets an attempt.
func (b *board) drop(one *attempt) error {
	one.task.attempt = nil
	delete(b.attempts, one.id)
	return os.RemoveAll(b.results.attempt(one.id))
}

// find returns an attempt that counts, and notes that its worker lives.
func (b *board) find(id string) (*attempt, error) {
	one := b.attempts[id]
	if one == nil {
		return nil, fmt.Errorf("%s: %w", id, errGone)
	}
	now := b.now()
	b.workers[one.worker], one.expires = now, now.Add(b.lease)
	return one, nil
}

// renew hears that an attempt is still under way.
func (b *board) renew(id string) (*attempt, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.find(id)
}

// finish takes what an attempt has brought as the task's result.
func (b *board) finish(id string, counters Counters) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	one, err := b.find(id)
	if err != nil {
		return err
	}
	parts := 1
	if one.task.kind == mapKind {
		parts = b.job.Reducers
	}
	if err := b.results.keep(id, one.task, parts); err != nil {
		return fmt.Errorf("take the result of %s: %w", id, err)
	}
	if err := b.record(one.task, entry{Done: one.task.name(), Worker: one.worker, Counters: counters}); err != nil {
		return err
	}
	one.task.attempt = nil
	delete(b.attempts, id)
	if b.state() == jobDone {
		return os.RemoveAll(b.results.maps()) // nobody reads it any more
	}
	return nil
}

// fail notes that an attempt has failed.
func (b *board) fail(id, fault string) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	one, err := b.find(id)
	if err != nil {
		return err
	}
	if err := b.drop(one); err != nil {
		return err
	}
	return b.record(one.task, entry{
		Failed: one.task.name(), Worker: one.worker, Fault: fault, Counters: Counters{failedAttempts: 1},
	})
}

// giveBack takes a task back from a worker that is about to end. It counts as no attempt.
func (b *board) giveBack(id string) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	one, err := b.find(id)
	if err != nil {
		return err
	}
	close(b.changed)
	b.changed = make(chan struct{})
	return b.drop(one)
}

// tick does what the time has come for.
func (b *board) tick() error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.expire()
}

// shuffled is where the lines for a reducer are, in the order of the map tasks.
func (b *board) shuffled(reducer int) ([]stretch, error) {
	sources := make([]stretch, 0, len(b.maps))
	for index := range b.maps {
		path := b.results.mapped(index, reducer)
		information, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("shuffle: %w", err)
		}
		sources = append(sources, stretch{path, 0, information.Size()})
	}
	return sources, nil
}

// reduced says whether a part of the output is there.
func (b *board) reduced(index int) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.reduces[index].done
}
