package mapreduce_test

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/mapreduce"
)

// TestSorting sorts any lines by key, then by the rest, whether they fit into memory or not.
func TestSorting(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		lines := rapid.SliceOf(rapid.StringMatching(`[a-c]{0,2}(\t[a-c!\t]{0,2})?`)).Draw(r, "lines")
		directory, err := os.MkdirTemp("", "sort-")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(directory)
		sorted, files, err := mapreduce.Sorted(directory, rapid.IntRange(1, 400).Draw(r, "limit"), lines)
		if err != nil {
			r.Fatal(err)
		}
		want := slices.Clone(lines)
		slices.SortFunc(want, func(a, b string) int {
			keyA, restA, _ := strings.Cut(a, "\t")
			keyB, restB, _ := strings.Cut(b, "\t")
			return cmp.Or(cmp.Compare(keyA, keyB), cmp.Compare(restA, restB), cmp.Compare(len(a), len(b)))
		})
		if !slices.Equal(sorted, want) {
			r.Fatalf("through %d files: %q, want %q", files, sorted, want)
		}
	})
}

// TestSplitting divides any text into stretches that are whole lines and together the text.
func TestSplitting(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringMatching(`([a-z]{0,30}\n){0,20}[a-z]{0,10}`).Draw(r, "text")
		size := rapid.Int64Range(1, 50).Draw(r, "size")
		directory, err := os.MkdirTemp("", "split-")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(directory)
		if err := os.WriteFile(filepath.Join(directory, "in"), []byte(text), 0o600); err != nil {
			r.Fatal(err)
		}
		_, bounds, err := mapreduce.Splits(directory, size)
		if text == "" {
			if err == nil {
				r.Fatal("there is nothing to divide, and no error")
			}
			return
		}
		if err != nil {
			r.Fatal(err)
		}
		var whole bytes.Buffer
		for i, bound := range bounds {
			piece := text[bound[0]:bound[1]]
			whole.WriteString(piece)
			if i < len(bounds)-1 && !strings.HasSuffix(piece, "\n") {
				r.Fatalf("%q ends within a line", piece)
			}
			if lines := strings.TrimSuffix(piece, "\n"); strings.Contains(lines, "\n") && int64(strings.LastIndex(lines, "\n")+1) >= size {
				r.Fatalf("%q has a line too many for %d bytes", piece, size)
			}
		}
		if whole.String() != text {
			r.Fatalf("together they are %q, want %q", whole.String(), text)
		}
	})
}
