package kv

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/resp"
)

// MaxKey is the longest key, in bytes.
const MaxKey = 1024

// store keeps values. Readers see only what is on the disk: changes wait for their log entry before they are applied.
type store struct {
	log     *log
	changes chan change
	ended   chan struct{}

	mu     sync.RWMutex
	values map[string]string
}

// change is a command that alters the store, and where its answer goes.
type change struct {
	words  []string
	answer chan []byte
}

func openStore(directory string) (*store, error) {
	log, values, err := openLog(directory)
	if err != nil {
		return nil, fmt.Errorf("open data in %s: %w", directory, err)
	}
	return &store{log: log, values: values, changes: make(chan change), ended: make(chan struct{})}, nil
}

// maxBatch is how many changes share a write at most.
const maxBatch = 256

// run makes changes until there are no more. An error means that the disk does not take them: what was not answered is
// then not known to be kept.
func (s *store) run() error {
	defer close(s.ended)
	for first := range s.changes {
		batch := []change{first}
		for more := true; more && len(batch) < maxBatch; {
			select {
			case next, open := <-s.changes:
				if more = open; open {
					batch = append(batch, next)
				}
			default:
				more = false
			}
		}
		if err := s.commit(batch); err != nil {
			return err
		}
	}
	return nil
}

// commit writes a batch to the log, applies it and answers.
func (s *store) commit(batch []change) error {
	pending := overlay{base: s.values, changed: map[string]*string{}}
	var entries []byte
	answers := make([][]byte, len(batch))
	for i, change := range batch {
		answers[i], entries = pending.make(change.words, entries)
	}
	if len(entries) > 0 {
		if err := s.log.append(entries); err != nil {
			return fmt.Errorf("write the log: %w", err)
		}
	}
	s.mu.Lock()
	pending.apply(s.values)
	s.mu.Unlock()
	for i, change := range batch {
		change.answer <- answers[i]
	}
	return nil
}

// overlay is the store as it will be once a batch is written. Only run alters the values, so it reads them freely.
type overlay struct {
	base    map[string]string
	changed map[string]*string // nil for deleted
}

func (o overlay) get(key string) (string, bool) {
	if value, touched := o.changed[key]; touched {
		if value == nil {
			return "", false
		}
		return *value, true
	}
	value, there := o.base[key]
	return value, there
}

// make makes one change, and returns its answer and the log's entries with its own appended.
func (o overlay) make(words []string, entries []byte) (answer, log []byte) {
	switch words[0] {
	case "SET":
		o.changed[words[1]] = &words[2]
		return resp.AppendSimple(nil, "OK"), appendEntry(entries, "SET", words[1], words[2])
	case "DEL":
		var count int64
		for _, key := range words[1:] {
			if _, there := o.get(key); there {
				count++
				o.changed[key] = nil
				entries = appendEntry(entries, "DEL", key)
			}
		}
		return resp.AppendNumber(nil, count), entries
	default: // INCR
		text, there := o.get(words[1])
		if !there {
			text = "0"
		}
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || number == math.MaxInt64 {
			return resp.AppendError(nil, "value is not an integer or out of range"), entries
		}
		text = strconv.FormatInt(number+1, 10)
		o.changed[words[1]] = &text
		return resp.AppendNumber(nil, number+1), appendEntry(entries, "SET", words[1], text)
	}
}

func (o overlay) apply(values map[string]string) {
	for key, value := range o.changed {
		if value == nil {
			delete(values, key)
		} else {
			values[key] = *value
		}
	}
}

var errClosing = errors.New("the server is ending")

// do answers one command.
func (s *store) do(words []string) []byte {
	words[0] = strings.ToUpper(words[0])
	if problem := check(words); problem != "" {
		return resp.AppendError(nil, problem)
	}
	switch words[0] {
	case "PING":
		return resp.AppendSimple(nil, "PONG")
	case "GET":
		s.mu.RLock()
		value, there := s.values[words[1]]
		s.mu.RUnlock()
		if !there {
			return resp.AppendMissing(nil)
		}
		return resp.AppendBulk(nil, value)
	case "KEYS":
		return resp.AppendCommand(nil, s.keys(words[1])...)
	}
	answer := make(chan []byte, 1)
	select {
	case s.changes <- change{words, answer}:
	case <-s.ended:
		return resp.AppendError(nil, errClosing.Error())
	}
	select {
	case made := <-answer:
		return made
	case <-s.ended:
	}
	select {
	case made := <-answer: // answered just before the end
		return made
	default:
		return resp.AppendError(nil, errClosing.Error())
	}
}

func (s *store) keys(pattern string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var keys []string
	for key := range s.values {
		if matches, err := path.Match(pattern, key); err == nil && matches || pattern == "*" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// arity is how many words each command has, its own included; DEL takes more.
var arity = map[string]int{"PING": 1, "GET": 2, "SET": 3, "DEL": 2, "INCR": 2, "KEYS": 2}

// check says what is wrong with a command; empty if nothing is.
func check(words []string) string {
	length, known := arity[words[0]]
	switch {
	case !known:
		return "unknown command; there are PING, GET, SET, DEL, INCR and KEYS"
	case len(words) < length || len(words) > length && words[0] != "DEL":
		return "wrong number of words for " + words[0]
	}
	for _, key := range words[1:min(len(words), 2)] {
		if len(key) > MaxKey {
			return fmt.Sprintf("a key has at most %d bytes", MaxKey)
		}
	}
	return ""
}
