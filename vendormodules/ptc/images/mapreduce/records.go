package mapreduce

import (
	"bufio"
	"bytes"
	"errors"
	"hash/fnv"
	"io"
)

// keyOf is what a line is sorted and divided by: everything up to its first tab, or all of it.
func keyOf(line []byte) []byte {
	key, _, _ := bytes.Cut(line, []byte{'\t'})
	return key
}

// partitionOf is which of some reducers gets a key.
func partitionOf(key []byte, reducers int) int {
	if reducers == 1 {
		return 0
	}
	hash := fnv.New32a()
	hash.Write(key) // a hash takes everything
	return int(hash.Sum32() % uint32(reducers))
}

// compareLines orders lines by their keys, and lines of one key by the rest, both by their bytes.
func compareLines(a, b []byte) int {
	keyA, restA, _ := bytes.Cut(a, []byte{'\t'})
	keyB, restB, _ := bytes.Cut(b, []byte{'\t'})
	if order := bytes.Compare(keyA, keyB); order != 0 {
		return order
	}
	if order := bytes.Compare(restA, restB); order != 0 {
		return order
	}
	return len(a) - len(b) // a key without a tab comes before the same with nothing behind it
}

// eachLine calls a function with every line of a text, without its end, until it returns an error. The line is the
// caller's only during the call, and must fit into memory.
func eachLine(text io.Reader, do func(line []byte) error) error {
	reader := bufio.NewReaderSize(text, 1<<16)
	var long []byte
	for {
		piece, err := reader.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, piece...)
			continue
		}
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return err
		}
		line := piece
		if len(long) > 0 {
			line = append(long, piece...)
			long = long[:0]
		}
		if len(line) > 0 {
			if failure := do(bytes.TrimSuffix(line, []byte{'\n'})); failure != nil {
				return failure
			}
		}
		if last {
			return nil
		}
	}
}
