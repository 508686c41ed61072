package services_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/vendormodules/services"
)

const planted = "hunter2-hunter2"

// holder has secrets wherever a struct may have them.
type holder struct {
	Open     services.Secret
	Pointer  *services.Secret
	Any      any
	Map      map[string]services.Secret
	List     []services.Secret
	hidden   services.Secret
	inMap    services.Credential
	inStruct struct{ deep services.Secret }
}

func newHolder() holder {
	secret := services.NewSecret(planted)
	h := holder{
		Open: secret, Pointer: &secret, Any: secret, hidden: secret, List: []services.Secret{secret},
		Map: map[string]services.Secret{"a": secret}, inMap: services.Credential{"a": secret},
	}
	h.inStruct.deep = secret
	return h
}

// forms are things that hold a secret.
func forms() map[string]any {
	secret := services.NewSecret(planted)
	whole := newHolder()
	return map[string]any{
		"itself": secret, "pointer": &secret, "struct": whole, "pointer to struct": &whole,
		"credential": services.Credential{"password": secret}, "list": []any{secret, &secret},
		"key of a map": map[services.Secret]int{secret: 1}, "zero": services.Secret{},
	}
}

func mustNotShow(t *testing.T, how, text string) {
	t.Helper()
	for _, shown := range []string{planted, fmt.Sprintf("%x", planted), fmt.Sprintf("%X", planted), fmt.Sprint([]byte(planted))} {
		if strings.Contains(text, shown) {
			t.Errorf("%s shows the secret: %s", how, text)
		}
	}
}

func TestSecretIsShownByNoVerb(t *testing.T) {
	for name, form := range forms() {
		for _, verb := range "vTsqxXdobcUeEfFgGtpw" {
			for _, flags := range []string{"", "+", "#", "-30", "+#0"} {
				format := "%" + flags + string(verb)
				mustNotShow(t, name+" under "+format, fmt.Sprintf(format, form))
			}
		}
		mustNotShow(t, name+" by Sprint", fmt.Sprint(form))
		mustNotShow(t, name+" in an error", fmt.Errorf("sign in with %v: %w", form, errors.New("refused")).Error())
	}
	if text := fmt.Sprintf("%v %+v %#v %s %d", services.NewSecret(planted), services.NewSecret(planted),
		services.NewSecret(planted), services.NewSecret(planted), services.NewSecret(planted)); text !=
		strings.TrimSpace(strings.Repeat(services.Redacted+" ", 5)) {
		t.Errorf("shown as %s", text)
	}
}

func TestSecretIsEncodedByNobody(t *testing.T) {
	for name, form := range forms() {
		if text, err := json.Marshal(form); err == nil {
			mustNotShow(t, name+" as JSON", string(text))
		}
		if text, err := yaml.Marshal(form); err == nil {
			mustNotShow(t, name+" as YAML", string(text))
		}
		if text, err := xml.Marshal(form); err == nil {
			mustNotShow(t, name+" as XML", string(text))
		}
		var encoded bytes.Buffer
		if name != "zero" && gob.NewEncoder(&encoded).Encode(form) == nil {
			t.Errorf("%s is encoded by gob", name)
		}
		mustNotShow(t, name+" as gob", encoded.String())
	}
	if text, err := json.Marshal(services.Credential{"a": services.NewSecret(planted)}); string(text) != `{"a":"[redacted]"}` {
		t.Errorf("as JSON: %s, %v", text, err)
	}
	if text, err := yaml.Marshal(services.Credential{"a": services.NewSecret(planted)}); string(text) != "a: '[redacted]'\n" {
		t.Errorf("as YAML: %s, %v", text, err)
	}
}

func TestSecretIsNotLogged(t *testing.T) {
	for _, format := range []services.LogFormat{services.LogConsole, services.LogJSON} {
		var output bytes.Buffer
		log := services.NewLogger(services.LogOptions{Format: format, Writer: &output})
		for name, form := range forms() {
			log.Info(name, zap.Any("any", form), zap.Reflect("reflect", form))
			log.Sugar().Infow(name, "form", form)
			log.Sugar().Infof("%v %+v", form, form)
		}
		secret := services.NewSecret(planted)
		log.With(zap.Object("with", secret)).Info("with", zap.Stringer("stringer", secret), zap.Object("object", secret),
			zap.Inline(secret), zap.Error(fmt.Errorf("with %v", secret)), zap.Objects("list", []services.Secret{secret}))
		mustNotShow(t, string(format), output.String())
		if !strings.Contains(output.String(), services.Redacted) {
			t.Errorf("%s: shows nothing: %s", format, output.String())
		}
	}
	var output bytes.Buffer
	standard := slog.New(slog.NewJSONHandler(&output, nil))
	for name, form := range forms() {
		standard.Info(name, "form", form)
		slog.New(slog.NewTextHandler(&output, nil)).Info(name, "form", form)
	}
	mustNotShow(t, "slog", output.String())
}

func TestKeysShowNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	key, err := services.LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	sealing, err := services.NewSealingKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, form := range []any{key, sealing} {
			if text := fmt.Sprintf(format, form); text != services.Redacted {
				t.Errorf("%s: %s", format, text)
			}
		}
	}
	if text, err := json.Marshal(struct{ Key, Sealing any }{key, sealing}); string(text) != `{"Key":{},"Sealing":{}}` {
		t.Errorf("as JSON: %s, %v", text, err)
	}
}

func TestSecretReveals(t *testing.T) {
	if services.NewSecret(planted).Reveal() != planted || (services.Secret{}).Reveal() != "" {
		t.Error("does not reveal its value")
	}
}
