package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// The services that keep things in a store are tested here, where there is a real one.

const planted = "hunter2-hunter2"

func noon() time.Time { return time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("", 3600)) }

func credential(fields ...string) services.Credential {
	made := make(services.Credential)
	for _, field := range fields {
		made[field] = services.NewSecret(planted + " " + field)
	}
	return made
}

func newVault(t *testing.T) (*services.Vault, *store.SQLite) {
	t.Helper()
	opened := open(t, filepath.Join(t.TempDir(), "store.db"))
	return services.NewVault(opened, services.NewKey(), noon), opened
}

func mustSet(t *testing.T, vault *services.Vault, scope services.Scope, fields ...string) {
	t.Helper()
	if err := vault.Set(t.Context(), scope, credential(fields...)); err != nil {
		t.Fatal(err)
	}
}

func TestNarrowestCredentialServes(t *testing.T) {
	vault, _ := newVault(t)
	mustSet(t, vault, services.Scope{Vendor: "ptc"}, "vendor")
	mustSet(t, vault, services.Scope{Vendor: "ptc", Class: "web"}, "class")
	mustSet(t, vault, services.Scope{Vendor: "ptc", Class: "web", Agreement: "01J"}, "agreement")
	mustSet(t, vault, services.Scope{Vendor: "web"}, "other")
	for scope, wanted := range map[services.Scope]string{
		{Vendor: "ptc"}:                                 "vendor",
		{Vendor: "ptc", Agreement: "01J"}:               "vendor",
		{Vendor: "ptc", Class: "db"}:                    "vendor",
		{Vendor: "ptc", Class: "db", Agreement: "01J"}:  "vendor",
		{Vendor: "ptc", Class: "web"}:                   "class",
		{Vendor: "ptc", Class: "web", Agreement: "02J"}: "class",
		{Vendor: "ptc", Class: "web", Agreement: "01J"}: "agreement",
		{Vendor: "web", Class: "web", Agreement: "01J"}: "other",
	} {
		found, err := vault.Credential(t.Context(), scope)
		if err != nil || len(found) != 1 || found[wanted].Reveal() != planted+" "+wanted {
			t.Errorf("%s: wanted that of the %s, got %v, %v", scope, wanted, found, err)
		}
	}
	if _, err := vault.Credential(t.Context(), services.Scope{Vendor: "oslo", Class: "web"}); !errors.Is(err, services.ErrNoCredential) {
		t.Errorf("of another vendor: %v", err)
	}
}

func TestCredentialsAreListedAndRemoved(t *testing.T) {
	vault, _ := newVault(t)
	class := services.Scope{Vendor: "ptc", Class: "web"}
	agreement := services.Scope{Vendor: "ptc", Class: "web", Agreement: "01J"}
	mustSet(t, vault, class, "old")
	mustSet(t, vault, agreement, "token")
	mustSet(t, vault, services.Scope{Vendor: "ptc"})
	mustSet(t, vault, class, "user", "password")
	listed, err := vault.List(t.Context())
	wanted := []services.Stored{
		{Scope: services.Scope{Vendor: "ptc"}, Updated: noon().UTC()},
		{Scope: class, Fields: []string{"password", "user"}, Updated: noon().UTC()},
		{Scope: agreement, Fields: []string{"token"}, Updated: noon().UTC()},
	}
	if err != nil || !reflect.DeepEqual(listed, wanted) {
		t.Errorf("listed %+v, %v", listed, err)
	}
	if err := vault.Remove(t.Context(), class); err != nil {
		t.Error(err)
	}
	if err := vault.Remove(t.Context(), class); !errors.Is(err, services.ErrNoCredential) {
		t.Errorf("removed twice: %v", err)
	}
	if listed, err := vault.List(t.Context()); err != nil || len(listed) != 2 {
		t.Errorf("left %+v, %v", listed, err)
	}
}

func TestScopesMustBeNames(t *testing.T) {
	vault, opened := newVault(t)
	for _, scope := range []services.Scope{
		{}, {Class: "web"}, {Vendor: "a.b"}, {Vendor: "a", Class: "b.c"}, {Vendor: "a", Class: "b", Agreement: "c.d"},
		{Vendor: "a "}, {Vendor: "a*"}, {Vendor: "a", Class: ">"}, {Vendor: strings.Repeat("a", 513)},
	} {
		if err := vault.Set(t.Context(), scope, credential("x")); err == nil {
			t.Errorf("%+v: set", scope)
		}
		if _, err := vault.Credential(t.Context(), scope); err == nil || errors.Is(err, services.ErrNoCredential) {
			t.Errorf("%+v: asked for: %v", scope, err)
		}
		if err := vault.Remove(t.Context(), scope); err == nil || errors.Is(err, services.ErrNoCredential) {
			t.Errorf("%+v: removed: %v", scope, err)
		}
	}
	if err := vault.Set(t.Context(), services.Scope{Vendor: "a", Agreement: "c"}, credential("x")); err == nil {
		t.Error("set for an agreement without a class")
	}
	if entries, err := opened.List(t.Context(), ""); err != nil || len(entries) != 0 {
		t.Errorf("stored %v, %v", entries, err)
	}
}

// TestSealedRecordOpensOnlyWhereItWasPut exchanges what is stored for two scopes.
func TestSealedRecordOpensOnlyWhereItWasPut(t *testing.T) {
	vault, opened := newVault(t)
	mustSet(t, vault, services.Scope{Vendor: "athens"}, "a")
	mustSet(t, vault, services.Scope{Vendor: "lisbon"}, "b")
	entries, err := opened.List(t.Context(), "credentials.")
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	err = opened.Commit(t.Context(),
		services.Change{Key: entries[0].Key, Value: entries[1].Value, Any: true},
		services.Change{Key: entries[1].Key, Value: entries[0].Value, Any: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, vendor := range []string{"athens", "lisbon"} {
		if got, err := vault.Credential(t.Context(), services.Scope{Vendor: vendor}); err == nil || errors.Is(err, services.ErrNoCredential) {
			t.Errorf("%s: opened as %v, %v", vendor, got, err)
		}
	}
	if _, err := vault.List(t.Context()); err == nil {
		t.Error("listed")
	}
}

func TestStoreHoldsNoSecretInTheClear(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	opened := open(t, path)
	vault := services.NewVault(opened, services.NewKey(), noon)
	mustSet(t, vault, services.Scope{Vendor: "ptc"}, "password")
	mustSet(t, vault, services.Scope{Vendor: "ptc"}, "password")
	entries, err := opened.List(t.Context(), "credentials.")
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	other := services.NewVault(opened, services.NewKey(), noon)
	if _, err := other.Credential(t.Context(), services.Scope{Vendor: "ptc"}); err == nil {
		t.Error("opened with another key")
	}
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + ".lock"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("hunter2")) || bytes.Contains(content, []byte("password")) {
			t.Errorf("%s holds the secret", file)
		}
	}
}

func TestRekeyedVaultOpensWithTheNewKeyAlone(t *testing.T) {
	opened := open(t, filepath.Join(t.TempDir(), "store.db"))
	first, second := services.NewKey(), services.NewKey()
	vault := services.NewVault(opened, first, noon)
	scopes := []services.Scope{{Vendor: "athens"}, {Vendor: "athens", Class: "web"}, {Vendor: "lisbon"}}
	for _, scope := range scopes {
		mustSet(t, vault, scope, "field")
	}
	if err := vault.Rekey(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	for _, scope := range scopes {
		for holder, opens := range map[*services.Vault]bool{
			vault: true, services.NewVault(opened, second, noon): true, services.NewVault(opened, first, noon): false,
		} {
			found, err := holder.Credential(t.Context(), scope)
			if (err == nil) != opens || opens && found["field"].Reveal() != planted+" field" {
				t.Errorf("%s: %v, %v", scope, found, err)
			}
		}
	}
	if err := services.NewVault(opened, first, noon).Rekey(t.Context(), first); err == nil {
		t.Error("rekeyed with a key that opens nothing")
	}
}

func TestVaultServesManyAtOnce(t *testing.T) {
	vault, _ := newVault(t)
	var using sync.WaitGroup
	for i := range 8 {
		scope := services.Scope{Vendor: fmt.Sprintf("v%d", i%4)}
		using.Go(func() {
			for range 10 {
				if err := vault.Set(t.Context(), scope, credential("x")); err != nil {
					t.Error(err)
				}
				if found, err := vault.Credential(t.Context(), scope); err != nil || found["x"].Reveal() != planted+" x" {
					t.Errorf("%v, %v", found, err)
				}
			}
		})
	}
	using.Go(func() {
		for range 5 {
			if err := vault.Rekey(t.Context(), services.NewKey()); err != nil {
				t.Error(err)
			}
		}
	})
	using.Wait()
	if listed, err := vault.List(t.Context()); err != nil || len(listed) != 4 {
		t.Errorf("%v, %v", listed, err)
	}
}
