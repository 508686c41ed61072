// Package resp reads and writes RESP, the protocol of redis-cli and its kin, as far as the key-value image speaks it.
package resp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of what is read.
const (
	maxWords = 1024
	// MaxWord is the longest word, in bytes.
	MaxWord = 1 << 20
	maxLine = 64 << 10
)

// ErrProtocol is wrapped by the error of whatever is not RESP or beyond its bounds.
var ErrProtocol = errors.New("not the RESP protocol")

// Reply is an answer of a server.
type Reply struct {
	// Text of a string, simple or bulk; Missing if it is none.
	Text    string
	Missing bool
	Number  int64
	List    []string
}

// Error is an answer that says that a command failed.
type Error string

// Error implements error.
func (e Error) Error() string { return string(e) }

// ReadCommand reads one command: an array of bulk strings, or words on a line. An empty line is a command of no words.
func ReadCommand(reader *bufio.Reader) ([]string, error) {
	line, err := readLine(reader)
	if err != nil {
		return nil, err
	}
	count, array := strings.CutPrefix(line, "*")
	if !array {
		return strings.Fields(line), nil
	}
	return readWords(reader, count)
}

func readWords(reader *bufio.Reader, count string) ([]string, error) {
	length, err := strconv.Atoi(count)
	if err != nil || length < 0 || length > maxWords {
		return nil, fmt.Errorf("%w: an array of %q", ErrProtocol, count)
	}
	words := make([]string, 0, length)
	for range length {
		line, err := readLine(reader)
		if err != nil {
			return nil, unexpected(err)
		}
		size, bulk := strings.CutPrefix(line, "$")
		if !bulk {
			return nil, fmt.Errorf("%w: %q in an array of bulk strings", ErrProtocol, line)
		}
		word, _, err := readBulk(reader, size)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	return words, nil
}

// ReadReply reads one answer. The error is an Error if the server says that the command failed.
func ReadReply(reader *bufio.Reader) (Reply, error) {
	line, err := readLine(reader)
	if err != nil {
		return Reply{}, err
	}
	if line == "" {
		return Reply{}, fmt.Errorf("%w: an empty answer", ErrProtocol)
	}
	var reply Reply
	switch rest := line[1:]; line[0] {
	case '+':
		reply.Text = rest
	case '-':
		return Reply{}, Error(rest)
	case ':':
		if reply.Number, err = strconv.ParseInt(rest, 10, 64); err != nil {
			err = fmt.Errorf("%w: number %q", ErrProtocol, rest)
		}
	case '$':
		reply.Text, reply.Missing, err = readBulk(reader, rest)
	case '*':
		reply.List, err = readWords(reader, rest)
	default:
		err = fmt.Errorf("%w: an answer beginning with %q", ErrProtocol, line[0])
	}
	return reply, err
}

// readBulk reads a string of a size that a line before gave; a size of -1 means that there is none.
func readBulk(reader *bufio.Reader, size string) (text string, missing bool, err error) {
	length, err := strconv.Atoi(size)
	if length == -1 {
		return "", true, nil
	}
	if err != nil || length < 0 || length > MaxWord {
		return "", false, fmt.Errorf("%w: a string of %q bytes", ErrProtocol, size)
	}
	content := make([]byte, length+2)
	if _, err := io.ReadFull(reader, content); err != nil {
		return "", false, unexpected(err)
	}
	if string(content[length:]) != "\r\n" {
		return "", false, fmt.Errorf("%w: a string without its end", ErrProtocol)
	}
	return string(content[:length]), false, nil
}

func readLine(reader *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := reader.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return "", fmt.Errorf("%w: a line of more than %d bytes", ErrProtocol, maxLine)
		}
		if err == nil {
			return strings.TrimRight(string(line), "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if len(line) > 0 {
				err = unexpected(err)
			}
			return "", err
		}
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// AppendCommand appends a command in the form that ReadCommand reads.
func AppendCommand(to []byte, words ...string) []byte {
	to = fmt.Appendf(to, "*%d\r\n", len(words))
	for _, word := range words {
		to = AppendBulk(to, word)
	}
	return to
}

// AppendBulk appends a string of any content.
func AppendBulk(to []byte, text string) []byte {
	return fmt.Appendf(to, "$%d\r\n%s\r\n", len(text), text)
}

// AppendMissing appends the answer that there is no such string.
func AppendMissing(to []byte) []byte { return append(to, "$-1\r\n"...) }

// AppendSimple appends a short word such as OK.
func AppendSimple(to []byte, text string) []byte { return fmt.Appendf(to, "+%s\r\n", text) }

// AppendNumber appends a number.
func AppendNumber(to []byte, number int64) []byte { return fmt.Appendf(to, ":%d\r\n", number) }

// AppendError appends the answer that a command failed, on one line.
func AppendError(to []byte, message string) []byte {
	message = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, message)
	return fmt.Appendf(to, "-ERR %s\r\n", message)
}
