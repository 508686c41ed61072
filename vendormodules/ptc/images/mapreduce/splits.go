package mapreduce

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// split is a stretch of an input file that begins and ends with a line.
type split struct {
	// File relative to the input's directory.
	File string `json:"file"`
	// Start and End in bytes.
	Start int64 `json:"start"`
	End   int64 `json:"end"`
}

// findSplits divides every file below a directory, in the order of their paths, into stretches of about a size, in bytes.
// A line that reaches across the end of a stretch belongs to it as a whole. Links are not followed.
func findSplits(directory string, size int64) ([]split, error) {
	var splits []split
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(directory, path)
		if err != nil {
			return err
		}
		found, err := splitFile(path, name, size)
		splits = append(splits, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("divide the input: %w", err)
	}
	if len(splits) == 0 {
		return nil, fmt.Errorf("divide the input: there is nothing in %s", directory)
	}
	return splits, nil
}

func splitFile(path, name string, size int64) ([]split, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // only read
	information, err := file.Stat()
	if err != nil {
		return nil, err
	}
	var splits []split
	for start := int64(0); start < information.Size(); {
		end := information.Size()
		if end-start > size {
			if end, err = lineEnd(file, start+size); err != nil {
				return nil, err
			}
		}
		splits = append(splits, split{name, start, end})
		start = end
	}
	return splits, nil
}

// lineEnd is where the line ends that the byte before an offset is in: behind its newline, or at the end of the file.
func lineEnd(file io.ReaderAt, offset int64) (int64, error) {
	offset--
	reader := bufio.NewReader(io.NewSectionReader(file, offset, 1<<62))
	for {
		piece, err := reader.ReadSlice('\n')
		offset += int64(len(piece))
		switch {
		case err == nil || errors.Is(err, io.EOF):
			return offset, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return 0, err
		}
	}
}
