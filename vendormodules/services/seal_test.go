package services_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/services"
)

func newSealingKey(t *testing.T) (key services.SealingKey, public string) {
	t.Helper()
	key, err := services.NewSealingKey()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = key.Public(); err != nil {
		t.Fatal(err)
	}
	return key, public
}

func TestSealedOpensForTheRecipientAlone(t *testing.T) {
	key, public := newSealingKey(t)
	other, _ := newSealingKey(t)
	for _, text := range []string{"", "x", planted, strings.Repeat("long ", 10000)} {
		sealed, err := services.SealTo(public, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 1 && bytes.Contains(sealed, []byte(text)) {
			t.Error("is not sealed")
		}
		if opened, err := key.Open(sealed); err != nil || string(opened) != text {
			t.Errorf("opened %q, %v", opened, err)
		}
		if _, err := other.Open(sealed); err == nil {
			t.Error("opened by another")
		}
		for _, at := range []int{0, 5, 56, 60, len(sealed) - 1} {
			altered := bytes.Clone(sealed)
			altered[at] ^= 1
			if _, err := key.Open(altered); err == nil {
				t.Errorf("opened with byte %d altered", at)
			}
		}
		if _, err := key.Open(sealed[:len(sealed)/2]); err == nil {
			t.Error("opened the half of it")
		}
	}
	if _, err := key.Open(nil); err == nil {
		t.Error("opened nothing")
	}
	if _, err := services.SealTo("XNOTAKEY", nil); err == nil {
		t.Error("sealed to what is no key")
	}
}

func TestSealingKeyIsKeptByItsSeed(t *testing.T) {
	key, public := newSealingKey(t)
	seed, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	again, err := services.ParseSealingKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := services.SealTo(public, []byte(planted))
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := again.Open(sealed); err != nil || string(opened) != planted {
		t.Errorf("opened %q, %v", opened, err)
	}
	if _, err := services.ParseSealingKey(services.NewSecret(planted)); err == nil || strings.Contains(err.Error(), planted) {
		t.Errorf("parsed what is no seed: %v", err)
	}
}
