package store_test

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/services"
)

type account struct {
	Owner   string `json:"owner"`
	Balance int    `json:"balance"`
}

func newAccounts(t *testing.T) (services.Store, services.Table[account]) {
	t.Helper()
	opened := open(t, filepath.Join(t.TempDir(), "store.db"))
	return opened, services.NewTable[account](opened, "accounts", "account", 1)
}

func mustCommit(t *testing.T, opened services.Store, changes ...services.Change) {
	t.Helper()
	if err := opened.Commit(t.Context(), changes...); err != nil {
		t.Fatal(err)
	}
}

func TestTableShowsItsOwnEntries(t *testing.T) {
	opened, accounts := newAccounts(t)
	mustCommit(t, opened, accounts.Put("b", account{"B", 2}, 0), accounts.Overwrite("a.x", account{"A", 1}),
		services.Change{Key: "accountsb", Value: []byte("other")}, services.Change{Key: "other.b", Value: []byte("other")})
	listed, err := accounts.List(t.Context())
	wanted := []services.Record[account]{{ID: "a.x", Value: account{"A", 1}, Revision: 2}, {ID: "b", Value: account{"B", 2}, Revision: 1}}
	if err != nil || !reflect.DeepEqual(listed, wanted) {
		t.Errorf("%+v, %v", listed, err)
	}
	below, err := accounts.ListBelow(t.Context(), "a")
	if err != nil || !reflect.DeepEqual(below, wanted[:1]) {
		t.Errorf("%+v, %v", below, err)
	}
	value, revision, err := accounts.Get(t.Context(), "b")
	if err != nil || value != (account{"B", 2}) || revision != 1 {
		t.Errorf("%+v, %d, %v", value, revision, err)
	}
	if _, _, err := accounts.Get(t.Context(), "c"); !errors.Is(err, services.ErrNoKey) {
		t.Errorf("%v", err)
	}
	if err := opened.Commit(t.Context(), accounts.Put("b", account{}, 99)); !errors.Is(err, services.ErrRevision) {
		t.Errorf("%v", err)
	}
	mustCommit(t, opened, accounts.Delete("b", revision), accounts.Discard("a.x"), accounts.Discard("missing"))
	if listed, err := accounts.List(t.Context()); err != nil || len(listed) != 0 {
		t.Errorf("%+v, %v", listed, err)
	}
	if prefixed := services.NewTable[account](opened, "accounts.", "account", 1); prefixed.Prefix() != accounts.Prefix() {
		t.Errorf("%q", prefixed.Prefix())
	}
}

func TestTableReadsWhatAWatchSends(t *testing.T) {
	opened, accounts := newAccounts(t)
	watched, err := opened.Watch(t.Context(), accounts.Prefix())
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, opened, accounts.Put("a", account{"A", 1}, 0))
	if record, err := accounts.Record(<-watched); err != nil || record.ID != "a" || record.Value.Balance != 1 || record.Deleted {
		t.Errorf("%+v, %v", record, err)
	}
	mustCommit(t, opened, accounts.Discard("a"))
	if record, err := accounts.Record(<-watched); err != nil || record.ID != "a" || !record.Deleted {
		t.Errorf("%+v, %v", record, err)
	}
}

func TestTableRefusesWhatItCannotRead(t *testing.T) {
	opened, accounts := newAccounts(t)
	for _, value := range []string{"", "junk", "other/1 {}", "account/2 {}", `account/1 {"unknown":1}`} {
		mustCommit(t, opened, services.Change{Key: "accounts.a", Value: []byte(value), Any: true})
		if _, _, err := accounts.Get(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "accounts.a") {
			t.Errorf("%q: get: %v", value, err)
		}
		if _, err := accounts.List(t.Context()); err == nil {
			t.Errorf("%q: listed", value)
		}
	}
	numbers := services.NewTable[float64](opened, "numbers", "number", 1)
	if err := opened.Commit(t.Context(), numbers.Put("a", math.NaN(), 0)); err == nil || !strings.Contains(err.Error(), "numbers.a") {
		t.Errorf("put what cannot be encoded: %v", err)
	}
}

// TestUpdatesLoseNothing moves money between accounts from many sides at once.
func TestUpdatesLoseNothing(t *testing.T) {
	opened, accounts := newAccounts(t)
	journal := services.NewTable[string](opened, "journal", "line", 1)
	mustCommit(t, opened, accounts.Put("a", account{"A", 0}, 0))
	var updating sync.WaitGroup
	for caller := range 8 {
		updating.Go(func() {
			for i := range 10 {
				_, err := accounts.Update(t.Context(), "a", func(value *account) ([]services.Change, error) {
					value.Balance++
					return []services.Change{journal.Put(fmt.Sprintf("%d-%d", caller, i), "one more", 0)}, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	updating.Wait()
	value, _, err := accounts.Get(t.Context(), "a")
	lines, listErr := journal.List(t.Context())
	if err != nil || listErr != nil || value.Balance != 80 || len(lines) != 80 {
		t.Errorf("%+v, %d lines, %v, %v", value, len(lines), err, listErr)
	}
}

func TestUpdateGivesUpWhereItMust(t *testing.T) {
	opened, accounts := newAccounts(t)
	nothing := func(*account) ([]services.Change, error) { return nil, nil }
	if _, err := accounts.Update(t.Context(), "a", nothing); !errors.Is(err, services.ErrNoKey) {
		t.Errorf("of nothing: %v", err)
	}
	mustCommit(t, opened, accounts.Put("a", account{"A", 1}, 0))
	wrong := errors.New("wrong")
	refuse := func(value *account) ([]services.Change, error) { value.Balance = 9; return nil, wrong }
	if _, err := accounts.Update(t.Context(), "a", refuse); !errors.Is(err, wrong) {
		t.Errorf("refused: %v", err)
	}
	// A conflict of a change made with it would not go away by trying again.
	stale := func(value *account) ([]services.Change, error) {
		value.Balance = 9
		return []services.Change{accounts.Put("b", account{}, 77)}, nil
	}
	if _, err := accounts.Update(t.Context(), "a", stale); !errors.Is(err, services.ErrRevision) {
		t.Errorf("with a stale change: %v", err)
	}
	if value, _, err := accounts.Get(t.Context(), "a"); err != nil || value.Balance != 1 {
		t.Errorf("%+v, %v", value, err)
	}
	updated, err := accounts.Update(t.Context(), "a", func(value *account) ([]services.Change, error) { value.Balance++; return nil, nil })
	if err != nil || updated.Balance != 2 {
		t.Errorf("%+v, %v", updated, err)
	}
}
