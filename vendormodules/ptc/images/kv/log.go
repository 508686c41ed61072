package kv

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/resp"
)

// fileName is the log's name in the data directory. An entry is the length and the CRC-32 of a command, each of four
// bytes, and the command.
const (
	fileName    = "data.log"
	headerSize  = 8
	maxEntry    = 4 * resp.MaxWord
	compactFrom = 1 << 20 // smaller logs, in bytes, are not worth it
)

// log is the file of changes.
type log struct {
	file *os.File
}

// openLog reads the log of a directory into a map, drops what a crash cut short, and rewrites a log that is mostly
// history.
func openLog(directory string) (*log, map[string]string, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, nil, err
	}
	path := filepath.Join(directory, fileName)
	values, size, err := replay(path)
	if err != nil {
		return nil, nil, err
	}
	live := encodeAll(values)
	if size >= compactFrom && int64(len(live)) < size/2 {
		if err := replace(path, live); err != nil {
			return nil, nil, fmt.Errorf("compact: %w", err)
		}
		size = int64(len(live))
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	_, seekError := file.Seek(size, io.SeekStart)
	if err := errors.Join(file.Truncate(size), seekError, file.Sync(), syncDirectory(directory)); err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return &log{file}, values, nil
}

// append writes entries and returns when they are on the disk.
func (l *log) append(entries []byte) error {
	if _, err := l.file.Write(entries); err != nil {
		return err
	}
	return l.file.Sync()
}

func (l *log) close() error { return l.file.Close() }

// replay returns what a log says, and the size of its sound part.
func replay(path string) (map[string]string, int64, error) {
	values := map[string]string{}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return values, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer file.Close() // only read
	reader := bufio.NewReaderSize(file, 1<<16)
	var size int64
	for {
		content, err := readEntry(reader)
		if err != nil {
			return values, size, nil // the end, or what a crash left of an entry nobody was promised
		}
		words, err := resp.ReadCommand(bufio.NewReader(bytes.NewReader(content)))
		if err != nil {
			return nil, 0, fmt.Errorf("%s at byte %d: %w", path, size, err)
		}
		apply(values, words)
		size += headerSize + int64(len(content))
	}
}

var errTorn = errors.New("torn entry")

func readEntry(reader io.Reader) ([]byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(reader, header[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(header[:4])
	if length == 0 || length > maxEntry {
		return nil, errTorn
	}
	content := make([]byte, length)
	if _, err := io.ReadFull(reader, content); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(content) != binary.BigEndian.Uint32(header[4:]) {
		return nil, errTorn
	}
	return content, nil
}

func appendEntry(to []byte, words ...string) []byte {
	content := resp.AppendCommand(nil, words...)
	to = binary.BigEndian.AppendUint32(to, uint32(len(content)))
	to = binary.BigEndian.AppendUint32(to, crc32.ChecksumIEEE(content))
	return append(to, content...)
}

// apply makes a logged change: SET with a key and a value, or DEL with keys.
func apply(values map[string]string, words []string) {
	switch {
	case len(words) == 3 && words[0] == "SET":
		values[words[1]] = words[2]
	case len(words) > 1 && words[0] == "DEL":
		for _, key := range words[1:] {
			delete(values, key)
		}
	}
}

func encodeAll(values map[string]string) []byte {
	var entries []byte
	for key, value := range values {
		entries = appendEntry(entries, "SET", key, value)
	}
	return entries
}

// replace puts another content in a file's place, whole or not at all.
func replace(path string, content []byte) error {
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(path+".new", path), syncDirectory(filepath.Dir(path)))
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
