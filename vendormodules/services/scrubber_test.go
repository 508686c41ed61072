package services_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/vendormodules/services"
)

func knowing(secrets ...string) *services.Scrubber {
	scrubber := services.NewScrubber()
	for _, secret := range secrets {
		scrubber.Learn(services.NewSecret(secret))
	}
	return scrubber
}

func TestScrubbedText(t *testing.T) {
	scrubber := knowing("abcdef", "defghi", "abcdefghijkl", "short", `q"<\>&é`+"\n?")
	for text, wanted := range map[string]string{
		"":                                      "",
		"nothing here":                          "nothing here",
		"abcdef":                                "[redacted]",
		"abcdefabcdef":                          "[redacted][redacted]",
		"xabcdefx abcdef":                       "x[redacted]x [redacted]",
		"abcdefghi":                             "[redacted]", // two that overlap
		"abcdefghijkl":                          "[redacted]", // one in another
		"abcdefghijk":                           "[redacted]jk",
		"too short to look for":                 "too short to look for",
		"q\"<\\>&é\n?":                          "[redacted]",
		"a=" + url.QueryEscape(`q"<\>&é`+"\n?"): "a=[redacted]",
		"/" + url.PathEscape(`q"<\>&é`+"\n?"):   "/[redacted]",
		fmt.Sprintf("%q", `q"<\>&é`+"\n?"):      `"[redacted]"`,
	} {
		if got := scrubber.Text(text); got != wanted {
			t.Errorf("%q: %q, wanted %q", text, got, wanted)
		}
	}
	encoded, err := json.Marshal(`q"<\>&é` + "\n?")
	if err != nil {
		t.Fatal(err)
	}
	if got := scrubber.Text(string(encoded)); got != `"[redacted]"` {
		t.Errorf("JSON: %s", got)
	}
}

func TestScrubbedTextHasNoSecret(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		// Few letters, so that secrets overlap and repeat themselves. None of them are in the word for redacted.
		secrets := rapid.SliceOfN(rapid.StringMatching("[xyz]{6,9}"), 1, 4).Draw(r, "secrets")
		text := strings.Join(rapid.SliceOf(rapid.OneOf(rapid.SampledFrom(secrets), rapid.StringMatching("[xyz -]{0,5}"))).Draw(r, "text"), "")
		scrubbed := knowing(secrets...).Text(text)
		for _, secret := range secrets {
			if strings.Contains(scrubbed, secret) {
				r.Fatalf("%q became %q, with %q in it", text, scrubbed, secret)
			}
		}
	})
}

func TestScrubbedErrorIsStillItself(t *testing.T) {
	scrubber := knowing(planted)
	cause := fmt.Errorf("sign in as admin:%s: %w", planted, context.DeadlineExceeded)
	scrubbed := scrubber.Error(fmt.Errorf("create: %w", cause))
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		mustNotShow(t, format, fmt.Sprintf(format, scrubbed))
	}
	if scrubbed.Error() != "create: sign in as admin:[redacted]: context deadline exceeded" {
		t.Errorf("%v", scrubbed)
	}
	if !errors.Is(scrubbed, context.DeadlineExceeded) {
		t.Error("is no longer the error that it was")
	}
	typed := scrubber.Error(&url.Error{Op: "Get", URL: "https://x/?key=" + planted, Err: errors.New("refused")})
	if found := new(url.Error); !errors.As(typed, &found) || found.Op != "Get" {
		t.Error("is no longer of the type that it was")
	}
	if errors.Unwrap(scrubbed) != nil {
		t.Error("can be unwrapped")
	}
	harmless := errors.New("harmless")
	if scrubber.Error(harmless) != harmless || scrubber.Error(nil) != nil {
		t.Error("changed an error without secrets")
	}
}

func TestScrubbedWriter(t *testing.T) {
	var output bytes.Buffer
	line := "password " + planted + "\n"
	written, err := knowing(planted).Writer(&output).Write([]byte(line))
	if written != len(line) || err != nil || output.String() != "password [redacted]\n" {
		t.Errorf("wrote %q, %d, %v", output.String(), written, err)
	}
}

func TestScrubberLearnsWhatIsHandedOut(t *testing.T) {
	scrubber := services.NewScrubber()
	handed, err := scrubber.Credentials(always{"password": services.NewSecret(planted)}).Credential(t.Context(), services.Scope{})
	if err != nil || handed["password"].Reveal() != planted {
		t.Errorf("handed out %v, %v", handed, err)
	}
	mustNotShow(t, "text", scrubber.Text("it is "+planted))
}

type always services.Credential

func (a always) Credential(context.Context, services.Scope) (services.Credential, error) {
	return services.Credential(a), nil
}

// leak shows the secret through every door that zap has for what it logs.
type leak struct{ Password string }

func (l leak) String() string { return "leak " + l.Password }
func (l leak) MarshalLogObject(encoder zapcore.ObjectEncoder) error {
	encoder.AddString("password", l.Password)
	encoder.AddDuration("kept", 5)
	return nil
}
func (l leak) MarshalLogArray(encoder zapcore.ArrayEncoder) error {
	encoder.AppendString(l.Password)
	return encoder.AppendReflected(l)
}

type verboseError struct{ leak }

func (verboseError) Error() string                    { return "refused" }
func (v verboseError) Format(state fmt.State, _ rune) { fmt.Fprint(state, "refused with ", v.Password) }

func TestScrubbedLog(t *testing.T) {
	secret := planted + `"<` + "\n"
	leaking := leak{secret}
	for _, format := range []services.LogFormat{services.LogConsole, services.LogJSON} {
		var output bytes.Buffer
		log := services.NewLogger(services.LogOptions{Format: format, Writer: &output, Scrubber: knowing(secret)})
		log.With(zap.String("with", secret), zap.Object("context", leaking)).Info("message "+secret,
			zap.String("string", secret), zap.ByteString("bytes", []byte(secret)), zap.Binary("binary", []byte(secret)),
			zap.Error(fmt.Errorf("error %s", secret)), zap.NamedError("verbose", verboseError{leaking}),
			zap.Stringer("stringer", leaking), zap.Object("object", leaking), zap.Inline(leaking), zap.Array("array", leaking),
			zap.Reflect("reflect", map[string]leak{secret: leaking}), zap.Any("any", []any{secret, leaking}),
			zap.Strings("strings", []string{secret}), zap.Dict("dict", zap.String("in", secret)),
			zap.Namespace("space"), zap.String("inside", secret), zap.Int("kept", 42))
		text := output.String()
		mustNotShow(t, string(format), text)
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s: %s", format, text)
		}
		for _, kept := range []string{"42", "message [redacted]", "kept", "space"} {
			if !strings.Contains(text, kept) {
				t.Errorf("%s: lost %q: %s", format, kept, text)
			}
		}
		if format == services.LogJSON && !json.Valid(output.Bytes()) {
			t.Errorf("is no JSON: %s", text)
		}
	}
}
