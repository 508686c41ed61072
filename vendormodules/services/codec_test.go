package services_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/services"
)

type offer struct {
	ID    string `json:"id"`
	Price int64  `json:"price"`
}

// renamed was {"name"} in its first version.
type renamed struct {
	Title string `json:"title"`
}

func (r *renamed) Upgrade(_ int, value []byte) error {
	var old struct{ Name string }
	err := json.Unmarshal(value, &old)
	r.Title = old.Name
	return err
}

func TestEncodedComesBack(t *testing.T) {
	encoded, err := services.Encode("offer", 2, offer{"<a>", 7})
	if err != nil || string(encoded) != `offer/2 {"id":"<a>","price":7}` {
		t.Fatalf("%s, %v", encoded, err)
	}
	if got, err := services.Decode[offer](encoded, "offer", 2); err != nil || got != (offer{"<a>", 7}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := services.Decode[offer](encoded, "offer", 3); err != nil || got != (offer{"<a>", 7}) {
		t.Errorf("read by a newer program: %+v, %v", got, err)
	}
	if got, err := services.Decode[renamed]([]byte(`book/1 {"name":"x"}`), "book", 2); err != nil || got.Title != "x" {
		t.Errorf("upgraded: %+v, %v", got, err)
	}
	if _, err := services.Encode("offer", 1, math.NaN()); err == nil {
		t.Error("encoded what JSON has no word for")
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	_, err := services.Decode[offer]([]byte(`offer/3 {"id":"a"}`), "offer", 2)
	var newer *services.NewerError
	if !errors.As(err, &newer) || *newer != (services.NewerError{Kind: "offer", Version: 3, Known: 2}) {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNotOursIsRefused(t *testing.T) {
	for _, value := range []string{
		"", " ", "{}", `{"id":"a"}`, "offer", "offer/1", "offer {}", "other/1 {}", "offers/1 {}", "offer/0 {}",
		"offer/-1 {}", "offer/x {}", "offer/1 ", "offer/1 {", `offer/1 {"unknown":1}`, `offer/1 {} {}`, `offer/1 {} x`,
		`offer/1 {"price":"7"}`, `offer/99999999999999999999 {}`,
	} {
		if got, err := services.Decode[offer]([]byte(value), "offer", 1); err == nil || got != (offer{}) {
			t.Errorf("%q was read as %+v, %v", value, got, err)
		}
	}
	if _, err := services.Decode[offer]([]byte("other/1 {}"), "offer", 1); !errors.Is(err, services.ErrKind) {
		t.Errorf("another kind: %v", err)
	}
}

func TestSecretsAreNotEncoded(t *testing.T) {
	encoded, err := services.Encode("credential", 1, services.Credential{"password": services.NewSecret(planted)})
	if err != nil || strings.Contains(string(encoded), planted) {
		t.Errorf("%s, %v", encoded, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`offer/2 {"id":"a","price":7}`))
	f.Add([]byte(`offer/1 {}`))
	f.Add([]byte("offer/3 null"))
	f.Fuzz(func(t *testing.T, value []byte) {
		read, err := services.Decode[offer](value, "offer", 2)
		if err != nil {
			return
		}
		encoded, err := services.Encode("offer", 2, read)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := services.Decode[offer](encoded, "offer", 2); err != nil || again != read {
			t.Errorf("%q was read as %+v, and then as %+v, %v", value, read, again, err)
		}
	})
}
