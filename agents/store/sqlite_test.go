package store_test

import (
	"path/filepath"
	"testing"

	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/vendormodules/services"
)

func open(t testing.TB, path string) *store.SQLite {
	t.Helper()
	opened, err := store.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

func TestCommitIsThereAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a %? #b.db")
	first := open(t, path)
	if err := first.Commit(t.Context(), services.Change{Key: "a.b", Value: []byte("x")}, services.Change{Key: "a.c"}); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := open(t, path).List(t.Context(), "a.")
	if err != nil || len(entries) != 2 || string(entries[0].Value) != "x" || entries[1].Revision != 2 {
		t.Fatalf("%+v, %v", entries, err)
	}
}
