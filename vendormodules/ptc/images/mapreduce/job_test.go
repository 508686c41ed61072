package mapreduce_test

import (
	"fmt"
	"maps"
	"math/rand"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/mapreduce"
)

// prose is text of some words, and how often each is in it.
func prose(seed int64, words int) (string, map[string]int) {
	source := rand.New(rand.NewSource(seed))
	counts := map[string]int{}
	var text strings.Builder
	for range words {
		word := strings.Repeat(string(rune('a'+source.Intn(20))), 1+source.Intn(3))
		counts[word]++
		text.WriteString(word)
		text.WriteString([]string{" ", ", ", "\n", " 42 "}[source.Intn(4)])
	}
	return text.String(), counts
}

func add(counts, more map[string]int) {
	for word, count := range more {
		counts[word] += count
	}
}

// written is what a word count writes, line by line in the order of the words.
func written(counts map[string]int) []string {
	var lines []string
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		lines = append(lines, fmt.Sprintf("%s\t%d", word, counts[word]))
	}
	return lines
}

func sortedLines(text string) []string {
	return slices.Sorted(strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n"))
}

func TestWordsAreCounted(t *testing.T) {
	first, counts := prose(1, 3000)
	second, more := prose(2, 2000)
	add(counts, more)
	h := newHouse(t, wordCount, map[string]string{"a.txt": first, "deep/er/b.txt": second, "empty": ""})
	h.coordinate()
	for _, name := range []string{"words-1", "words-2", "words-3"} {
		h.hire(name)
	}
	status := h.until(ended)
	if status.State != "done" || status.Maps.Done != status.Maps.Total || status.Maps.Total < 10 ||
		status.Reduces.Total != 3 || len(status.Output) != 3 || len(status.Workers) != 3 {
		t.Fatalf("%+v", status)
	}
	if got, want := sortedLines(h.output()), written(counts); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	seen := map[string]int{}
	for _, path := range status.Output {
		code, part := h.ask(http.MethodGet, path, "")
		if code != http.StatusOK {
			t.Error(path, code)
		}
		for line := range strings.SplitSeq(strings.TrimSpace(part), "\n") {
			seen[line]++
		}
	}
	if len(seen) != len(counts) {
		t.Errorf("%d words in the parts, want %d, each in one part", len(seen), len(counts))
	}
	total := int64(0)
	for _, count := range counts {
		total += int64(count)
	}
	counters := status.Counters
	if counters["map-output-records"] != total || counters["combine-input-records"] != total ||
		counters["combine-output-records"] >= total || counters["reduce-input-groups"] != int64(len(counts)) ||
		counters["reduce-input-records"] != counters["combine-output-records"] ||
		counters["reduce-output-records"] != int64(len(counts)) {
		t.Errorf("%+v", counters)
	}
	if left, err := os.ReadDir(filepath.Join(h.with.Data, "attempts")); err != nil || len(left) > 0 {
		t.Error("attempts are left behind", left, err)
	}
}

// TestReducersReadInOrder has a reducer that writes what it reads.
func TestReducersReadInOrder(t *testing.T) {
	text, _ := prose(3, 4000)
	text += "the last line has no end"
	job := mapreduce.Job{Mapper: "cat", Reducer: "cat", Reducers: 1, Split: 700, Attempts: 1}
	h := newHouse(t, job, map[string]string{"in": text})
	h.coordinate()
	h.hire("one")
	if status := h.until(ended); status.State != "done" {
		t.Fatalf("%+v", status)
	}
	if got, want := strings.Split(strings.TrimSuffix(h.output(), "\n"), "\n"), sortedLines(text); !slices.Equal(got, want) {
		t.Errorf("%d lines, want the %d of the input in order", len(got), len(want))
	}
}

// TestCommandsReport counts by commands, and lets them see which task they are at.
func TestCommandsReport(t *testing.T) {
	job := mapreduce.Job{
		Mapper:  `while read -r line; do echo "reporter:counter:lines,seen,1" >&2; done; echo "$mapreduce_map_input_file	$mapreduce_task_ismap"`,
		Reducer: `cat; head -c 0 >/dev/null`, Reducers: 2, Split: 1 << 20, Attempts: 1,
	}
	h := newHouse(t, job, map[string]string{"x": "1\n2\n3\n", "y": "4\n"})
	h.coordinate()
	h.hire("one")
	status := h.until(ended)
	if status.Counters["lines.seen"] != 4 {
		t.Errorf("%+v", status)
	}
	if got := sortedLines(h.output()); !slices.Equal(got, []string{"x\ttrue", "y\ttrue"}) {
		t.Error(got)
	}
}

// TestCommandsMayLeaveInput has commands that end before they have read everything.
func TestCommandsMayLeaveInput(t *testing.T) {
	text := strings.Repeat("word\n", 200_000)
	job := mapreduce.Job{
		Mapper: "cat", Combiner: "head -n 3", Reducer: "head -n 2", Reducers: 2, Split: 1 << 19, Attempts: 1,
	}
	h := newHouse(t, job, map[string]string{"in": text})
	h.coordinate()
	h.hire("one")
	if status := h.until(ended); status.State != "done" || status.Counters["combine-input-records"] != 200_000 {
		t.Fatalf("%+v", status)
	}
	if got := h.output(); got != "word\nword\n" {
		t.Errorf("%q", got)
	}
}
