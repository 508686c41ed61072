package mapreduce

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"sync"
	"sync/atomic"
)

// partitions hands out sorted lines as one text for each partition, in order.
type partitions struct {
	mutex sync.Mutex // a client that has given a text up may read on for a moment
	next  func() (sortable, error, bool)
	stop  func()
	// rest of the line that is being read, with its end, and the partition that it is of; -1 behind the last.
	rest      []byte
	partition int
	closed    bool
}

var (
	errStop   = errors.New("no more lines are wanted")
	errClosed = errors.New("the lines are given up")
)

func newPartitions(of *sorter) *partitions {
	p := &partitions{}
	p.next, p.stop = iter.Pull2(func(yield func(sortable, error) bool) {
		err := of.each(func(one sortable) error {
			if !yield(one, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(sortable{}, err)
		}
	})
	return p
}

// close gives up what has not been read.
func (p *partitions) close() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.closed = true
	p.stop()
}

// of is the text of a partition. Those before it must have been read to their ends.
func (p *partitions) of(partition int) io.Reader { return text{p, partition} }

// advance goes on to the next line where the last has been read.
func (p *partitions) advance() error {
	if p.closed {
		return errClosed
	}
	if len(p.rest) > 0 || p.partition < 0 {
		return nil
	}
	one, err, more := p.next()
	switch {
	case !more:
		p.partition = -1
	case err != nil:
		return err
	default:
		p.partition, p.rest = one.partition, append(append(p.rest[:0], one.line...), '\n')
	}
	return nil
}

// text is that of one partition.
type text struct {
	from      *partitions
	partition int
}

// Read implements io.Reader.
func (t text) Read(into []byte) (int, error) {
	t.from.mutex.Lock()
	defer t.from.mutex.Unlock()
	read := 0
	for read < len(into) {
		if err := t.from.advance(); err != nil {
			return read, err
		}
		if t.from.partition != t.partition {
			break
		}
		copied := copy(into[read:], t.from.rest)
		t.from.rest = t.from.rest[copied:]
		read += copied
	}
	if read == 0 && len(into) > 0 {
		return 0, io.EOF
	}
	return read, nil
}

// lineCounter counts the lines that are read. It can be asked while a client that has given up reads on for a moment.
type lineCounter struct {
	from  io.Reader
	lines atomic.Int64
	// open says that the last line has no end yet.
	open atomic.Bool
}

// Read implements io.Reader.
func (l *lineCounter) Read(into []byte) (int, error) {
	read, err := l.from.Read(into)
	if read > 0 {
		l.lines.Add(int64(bytes.Count(into[:read], []byte{'\n'})))
		l.open.Store(into[read-1] != '\n')
	}
	return read, err
}

func (l *lineCounter) count() int64 {
	if l.open.Load() {
		return l.lines.Load() + 1
	}
	return l.lines.Load()
}
