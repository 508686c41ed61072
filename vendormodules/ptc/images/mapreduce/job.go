package mapreduce

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Job is what is to be done with the input.
type Job struct {
	// Mapper, Combiner and Reducer are commands of a POSIX shell. There may be no combiner.
	Mapper   string `json:"mapper"`
	Combiner string `json:"combiner,omitempty"`
	Reducer  string `json:"reducer"`
	// Reducers is the number of reduce tasks, and of parts of the output, from 1.
	Reducers int `json:"reducers"`
	// Split is about how much input one map task reads, in bytes, from 1.
	Split int64 `json:"-"`
	// Attempts is how often a task may be tried, from 1.
	Attempts int `json:"-"`
}

// check says what is wrong with a job.
func (j Job) check() error {
	switch {
	case j.Mapper == "":
		return fmt.Errorf("the job has no mapper")
	case j.Reducer == "":
		return fmt.Errorf("the job has no reducer")
	case j.Reducers < 1 || j.Split < 1 || j.Attempts < 1:
		return fmt.Errorf("reducers %d, split %d, attempts %d: each is at least 1", j.Reducers, j.Split, j.Attempts)
	}
	return nil
}

// fingerprint tells a job over some input from every other.
func (j Job) fingerprint(splits []split) string {
	text, err := json.Marshal(struct {
		Job    Job
		Splits []split
	}{j, splits})
	if err != nil {
		panic(err) // strings and numbers can always be written
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// kind is one of the two kinds of task.
type kind string

const (
	mapKind    kind = "map"
	reduceKind kind = "reduce"
)

func taskName(kind kind, index int) string { return fmt.Sprintf("%s-%05d", kind, index) }

func partName(index int) string { return fmt.Sprintf("part-%05d", index) }

// Counters are sums over the tasks that are done. Those of commands are named GROUP.COUNTER.
type Counters map[string]int64

// The counters that every job has.
const (
	mapInputRecords      = "map-input-records"
	mapOutputRecords     = "map-output-records"
	combineInputRecords  = "combine-input-records"
	combineOutputRecords = "combine-output-records"
	reduceInputRecords   = "reduce-input-records"
	reduceInputGroups    = "reduce-input-groups"
	reduceOutputRecords  = "reduce-output-records"
	failedAttempts       = "failed-attempts"
	lostAttempts         = "lost-attempts"
)

// add adds others to the counters.
func (c Counters) add(others Counters) {
	for _, name := range slices.Sorted(maps.Keys(others)) {
		c[name] += others[name]
	}
}

// assignment is a task as a worker gets it.
type assignment struct {
	// Attempt is the id under which the worker reports.
	Attempt string `json:"attempt"`
	Kind    kind   `json:"kind"`
	Index   int    `json:"index"`
	// File that the input of a map task is from.
	File string `json:"file,omitempty"`
	Job  Job    `json:"job"`
	// Lease is how long the worker may be silent, in milliseconds.
	Lease int64 `json:"lease"`
}

// report is what a worker says of an attempt at its end.
type report struct {
	Counters Counters `json:"counters,omitempty"`
	// Fault says why it failed.
	Fault string `json:"fault,omitempty"`
}
