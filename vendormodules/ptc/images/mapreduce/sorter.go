package mapreduce

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// sorter sorts lines by partition and key. What does not fit into its memory it sorts in a directory.
type sorter struct {
	directory string
	// limit of memory for lines, in bytes.
	limit int

	text  []byte
	lines []extent
	runs  []string
}

// extent is where a line is in the text.
type extent struct {
	partition  int
	start, end int
}

// sortable is a line and the reducer that it is for.
type sortable struct {
	partition int
	line      []byte
}

func compareSortable(a, b sortable) int {
	if order := cmp.Compare(a.partition, b.partition); order != 0 {
		return order
	}
	return compareLines(a.line, b.line)
}

// extentSize is about what an extent takes, in bytes.
const extentSize = 24

// add takes a line.
func (s *sorter) add(partition int, line []byte) error {
	s.lines = append(s.lines, extent{partition, len(s.text), len(s.text) + len(line)})
	s.text = append(s.text, line...)
	if len(s.text)+extentSize*len(s.lines) < s.limit {
		return nil
	}
	return s.spill()
}

func (s *sorter) sort() {
	slices.SortFunc(s.lines, func(a, b extent) int { return compareSortable(s.at(a), s.at(b)) })
}

func (s *sorter) at(at extent) sortable { return sortable{at.partition, s.text[at.start:at.end]} }

// spill writes what is in memory to a file, sorted.
func (s *sorter) spill() error {
	s.sort()
	path := filepath.Join(s.directory, fmt.Sprintf("run-%d", len(s.runs)))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("sort on disk: %w", err)
	}
	s.runs = append(s.runs, path)
	writer := bufio.NewWriterSize(file, 1<<16)
	var head []byte
	for _, at := range s.lines {
		head = binary.AppendUvarint(head[:0], uint64(at.partition))
		head = binary.AppendUvarint(head, uint64(at.end-at.start))
		writer.Write(head)                    //nolint:errcheck // Flush says it
		writer.Write(s.text[at.start:at.end]) //nolint:errcheck // Flush says it
	}
	s.text, s.lines = s.text[:0], s.lines[:0]
	if err := errors.Join(writer.Flush(), file.Close()); err != nil {
		return fmt.Errorf("sort on disk: %w", err)
	}
	return nil
}

// each calls a function with every line in order, until it returns an error. The line is the caller's only during the
// call.
func (s *sorter) each(do func(sortable) error) error {
	if len(s.runs) == 0 {
		s.sort()
		for _, at := range s.lines {
			if err := do(s.at(at)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := s.spill(); err != nil {
		return err
	}
	var open []*run
	defer func() {
		for _, one := range open {
			one.file.Close() // only read
		}
	}()
	for _, path := range s.runs {
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("sort on disk: %w", err)
		}
		open = append(open, &run{file: file, reader: bufio.NewReaderSize(file, 1<<16)})
	}
	return merge(open, do)
}

// run is a sorted file that is being read. Its line is the next one.
type run struct {
	file   *os.File
	reader *bufio.Reader
	sortable
}

// next reads the next line; it is false at the end.
func (r *run) next() (bool, error) {
	partition, err := binary.ReadUvarint(r.reader)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	var length uint64
	if err == nil {
		length, err = binary.ReadUvarint(r.reader)
	}
	if err == nil {
		r.partition = int(partition)
		r.line = slices.Grow(r.line[:0], int(length))[:length]
		_, err = io.ReadFull(r.reader, r.line)
	}
	if err != nil {
		return false, fmt.Errorf("sort on disk: %w", err)
	}
	return true, nil
}

// merge reads runs side by side. There are few of them: each is as large as the memory for lines.
func merge(open []*run, do func(sortable) error) error {
	var live []*run
	for _, one := range open {
		more, err := one.next()
		if err != nil {
			return err
		}
		if more {
			live = append(live, one)
		}
	}
	for len(live) > 0 {
		least := 0
		for i := range live {
			if compareSortable(live[i].sortable, live[least].sortable) < 0 {
				least = i
			}
		}
		if err := do(live[least].sortable); err != nil {
			return err
		}
		more, err := live[least].next()
		if err != nil {
			return err
		}
		if !more {
			live = slices.Delete(live, least, least+1)
		}
	}
	return nil
}
