package mapreduce

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// sortMemory is how much memory a task takes for sorting, in bytes.
const sortMemory = 32 << 20

// execution is one attempt at a task while it is worked at.
type execution struct {
	*worker

	task     assignment
	counters Counters
	sorter   *sorter
}

// execute does a task: it reads the input, brings the result and returns what it has counted.
func (w *worker) execute(ctx context.Context, task assignment) (counters Counters, err error) {
	scratch, err := os.MkdirTemp(w.Scratch, "map-reduce-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	e := &execution{w, task, Counters{}, &sorter{directory: scratch, limit: sortMemory}}
	input, err := w.desk.input(ctx, task.Attempt)
	if err != nil {
		return nil, err
	}
	defer input.Close() // only read
	if task.Kind == mapKind {
		err = e.mapInput(ctx, input)
	} else {
		err = e.reduceInput(ctx, input)
	}
	return e.counters, err
}

// mapInput lets the mapper read the input, and brings what it writes, divided among the reducers.
func (e *execution) mapInput(ctx context.Context, input io.Reader) error {
	var read, written int64
	feed := func(to *bufio.Writer) error {
		return eachLine(input, func(line []byte) error {
			read++
			return writeLine(to, line)
		})
	}
	take := func(from io.Reader) error {
		return eachLine(from, func(line []byte) error {
			written++
			return e.sorter.add(partitionOf(keyOf(line), e.task.Job.Reducers), line)
		})
	}
	if err := e.run(ctx, e.task.Job.Mapper, feed, take); err != nil {
		return fmt.Errorf("mapper: %w", err)
	}
	e.counters.add(Counters{mapInputRecords: read, mapOutputRecords: written})
	sorted := newPartitions(e.sorter)
	defer sorted.close()
	for part := range e.task.Job.Reducers {
		if err := e.bringPart(ctx, part, sorted.of(part)); err != nil {
			return err
		}
	}
	return nil
}

// bringPart brings what is for one reducer, through the combiner if there is one.
func (e *execution) bringPart(ctx context.Context, part int, sorted io.Reader) error {
	if e.task.Job.Combiner == "" {
		return e.desk.bring(ctx, e.task.Attempt, part, sorted)
	}
	lines := &lineCounter{from: sorted}
	feed := func(to *bufio.Writer) error {
		_, err := io.Copy(to, lines)
		return err
	}
	written, take := e.bringer(ctx, part)
	if err := e.run(ctx, e.task.Job.Combiner, feed, take); err != nil {
		return fmt.Errorf("combiner: %w", err)
	}
	if _, err := io.Copy(io.Discard, lines); err != nil { // what the combiner did not want to know
		return err
	}
	e.counters.add(Counters{combineInputRecords: lines.count(), combineOutputRecords: written.count()})
	return nil
}

// bringer brings what a command writes as one part, and counts its lines.
func (e *execution) bringer(ctx context.Context, part int) (*lineCounter, func(io.Reader) error) {
	lines := &lineCounter{}
	return lines, func(from io.Reader) error {
		lines.from = from
		return e.desk.bring(ctx, e.task.Attempt, part, lines)
	}
}

// reduceInput sorts the lines of all mappers, lets the reducer read them, and brings what it writes.
func (e *execution) reduceInput(ctx context.Context, input io.Reader) error {
	err := eachLine(input, func(line []byte) error { return e.sorter.add(0, line) })
	if err != nil {
		return fmt.Errorf("shuffle: %w", err)
	}
	var records, groups int64
	feed := func(to *bufio.Writer) error {
		last := ""
		return e.sorter.each(func(one sortable) error {
			if key := keyOf(one.line); records == 0 || string(key) != last {
				groups++
				last = string(key)
			}
			records++
			return writeLine(to, one.line)
		})
	}
	written, take := e.bringer(ctx, 0)
	if err := e.run(ctx, e.task.Job.Reducer, feed, take); err != nil {
		return fmt.Errorf("reducer: %w", err)
	}
	e.counters.add(Counters{
		reduceInputRecords: records, reduceInputGroups: groups, reduceOutputRecords: written.count(),
	})
	return nil
}

func writeLine(to *bufio.Writer, line []byte) error {
	to.Write(line) //nolint:errcheck // WriteByte says it
	return to.WriteByte('\n')
}
