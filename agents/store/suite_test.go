package store_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/agents/store/storetest"
	"github.com/cloud-agency/agency/vendormodules/services"
)

func TestSuite(t *testing.T) {
	defer goleak.VerifyNone(t)
	paths := make(map[services.Store]string)
	openAt := func(t *testing.T, path string) services.Store {
		opened, err := store.OpenSQLite(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		paths[opened] = path
		return opened
	}
	storetest.Run(t, storetest.Engine{
		Open:   func(t *testing.T) services.Store { return openAt(t, filepath.Join(t.TempDir(), "store.db")) },
		Reopen: func(t *testing.T, closed services.Store) services.Store { return openAt(t, paths[closed]) },
	})
}
