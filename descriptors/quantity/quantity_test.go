package quantity_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// example is a text, what it is read as, and what that prints; or, without a value, the message that refuses it.
type example[Q comparable] struct {
	text     string
	value    Q
	printed  string
	contains string
}

func checkExamples[Q interface {
	comparable
	fmt.Stringer
}](t *testing.T, parse func(string) (Q, error), examples []example[Q]) {
	t.Helper()
	for _, example := range examples {
		value, err := parse(example.text)
		if example.contains != "" {
			if err == nil || !strings.Contains(err.Error(), example.contains) {
				t.Errorf("%q: read as %v, error %v; want one with %q", example.text, value, err, example.contains)
			}
			continue
		}
		if err != nil || value != example.value || value.String() != example.printed {
			t.Errorf("%q: read as %v (%#v), error %v; want %s", example.text, value, value, err, example.printed)
		}
	}
}

func TestBytes(t *testing.T) {
	checkExamples(t, quantity.ParseBytes, []example[quantity.Bytes]{
		{text: "4GiB", value: 4 << 30, printed: "4GiB"},
		{text: " 512 MiB ", value: 512 << 20, printed: "512MiB"},
		{text: "1.5GiB", value: 1536 << 20, printed: "1536MiB"},
		{text: "1024KiB", value: 1 << 20, printed: "1MiB"},
		{text: "3TiB", value: 3 << 40, printed: "3TiB"},
		{text: "10GB", value: 10e9, printed: "9765625KiB"},
		{text: "1TB", value: 1e12, printed: "976562500KiB"},
		{text: "2MB", value: 2e6, printed: "2000000B"},
		{text: "1kB", value: 1000, printed: "1000B"},
		{text: "0B", value: 0, printed: "0B"},
		{text: "512", contains: "sizes carry a unit"},
		{text: "", contains: "not a size"},
		{text: "GiB", contains: "not a size"},
		{text: "-1GiB", contains: "not a size"},
		{text: "1e3GiB", contains: "not a size"},
		{text: "1.2.3GiB", contains: "not a size"},
		{text: "0x10B", contains: "not a size"},
		{text: "infB", contains: "not a size"},
		{text: "9999999TiB", contains: "out of range"},
	})
}

func TestPercent(t *testing.T) {
	checkExamples(t, quantity.ParsePercent, []example[quantity.Percent]{
		{text: "99.9%", value: 0.999, printed: "99.9%"},
		{text: " 99.95 % ", value: 0.9995, printed: "99.95%"},
		{text: "99.9999999%", value: 0.999999999, printed: "99.9999999%"},
		{text: "0%", value: 0, printed: "0%"},
		{text: "100%", value: 1, printed: "100%"},
		{text: "100.1%", contains: "above 100%"},
		{text: "99.99999999%", contains: "seven decimals"},
		{text: "99,9%", contains: `"99,9%" is not a percentage; write 99.9%`},
		{text: "99.9", contains: "not a percentage"},
		{text: "-1%", contains: "not a percentage"},
		{text: "%", contains: "not a percentage"},
	})
}

func TestPercentRounded(t *testing.T) {
	for _, value := range []quantity.Percent{0, 1, 0.999, 1.0 / 3, 0.99951234567891, 1 - 1e-12} {
		encoded, err := value.Rounded().MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var read quantity.Percent
		if err := read.UnmarshalText(encoded); err != nil || read != value.Rounded() {
			t.Errorf("%v is rounded to %v and read back as %v, %v", float64(value), float64(value.Rounded()), float64(read), err)
		}
	}
}

func TestDuration(t *testing.T) {
	checkExamples(t, quantity.ParseDuration, []example[quantity.Duration]{
		{text: "200ms", value: quantity.Duration(200 * time.Millisecond), printed: "200ms"},
		{text: " 1h30m ", value: quantity.Duration(90 * time.Minute), printed: "1h30m0s"},
		{text: "0s", value: 0, printed: "0s"},
		{text: "-1s", contains: "not a duration"},
		{text: "10", contains: "not a duration"},
		{text: "soon", contains: "not a duration"},
	})
}

func TestRange(t *testing.T) {
	checkExamples(t, quantity.ParseRange, []example[quantity.Range]{
		{text: "3", value: quantity.Range{Min: 3, Max: 3}, printed: "3"},
		{text: " 2..6 ", value: quantity.Range{Min: 2, Max: 6}, printed: "2..6"},
		{text: "4..4", value: quantity.Range{Min: 4, Max: 4}, printed: "4"},
		{text: "0..1", value: quantity.Range{Min: 0, Max: 1}, printed: "0..1"},
		{text: "6..2", contains: "ends below its beginning"},
		{text: "1..100001", contains: "at most 100000"},
		{text: "-1", contains: "not a count"},
		{text: "2...6", contains: "not a count"},
		{text: "2..", contains: "not a count"},
		{text: "", contains: "not a count"},
	})
	for count, contained := range map[int]bool{1: false, 2: true, 6: true, 7: false} {
		if (quantity.Range{Min: 2, Max: 6}).Contains(count) != contained {
			t.Errorf("2..6 contains %d: %v", count, !contained)
		}
	}
}

func TestCurrency(t *testing.T) {
	if currency, err := quantity.ParseCurrency("EUR"); err != nil || currency != "EUR" {
		t.Error(currency, err)
	}
	for _, text := range []string{"", "eur", "EURO", "E R", "€€€"} {
		if currency, err := quantity.ParseCurrency(text); err == nil {
			t.Errorf("%q is read as %s", text, currency)
		}
	}
}

// all holds one of each quantity, to be written and read in the formats of the wire and of people.
type all struct {
	Bytes    quantity.Bytes    `json:"bytes" yaml:"bytes"`
	Percent  quantity.Percent  `json:"percent" yaml:"percent"`
	Duration quantity.Duration `json:"duration" yaml:"duration"`
	Range    quantity.Range    `json:"range" yaml:"range"`
	Count    quantity.Range    `json:"count" yaml:"count"`
	Money    quantity.Money    `json:"money" yaml:"money"`
	None     quantity.Money    `json:"none" yaml:"none"`
	Rate     quantity.Rate     `json:"rate" yaml:"rate"`
	Free     quantity.Rate     `json:"free" yaml:"free"`
	Currency quantity.Currency `json:"currency" yaml:"currency"`
}

func TestQuantitiesAreTextInJSONAndYAML(t *testing.T) {
	euro := quantity.Money{Micros: 41_200, Currency: "EUR"}
	value := all{
		Bytes: 4 * quantity.GiB, Percent: 0.999, Duration: quantity.Duration(time.Second),
		Range: quantity.Range{Min: 2, Max: 6}, Count: quantity.Range{Min: 3, Max: 3},
		Money: euro, Rate: quantity.Rate{PerHour: euro}, Currency: "EUR",
	}
	text, err := json.Marshal(value)
	wanted := `{"bytes":"4GiB","percent":"99.9%","duration":"1s","range":"2..6","count":"3","money":"0.0412 EUR",` +
		`"none":"","rate":"0.0412 EUR/h","free":"","currency":"EUR"}`
	if err != nil || string(text) != wanted {
		t.Errorf("%s, error %v", text, err)
	}
	var read all
	if err := json.Unmarshal(text, &read); err != nil || read != value {
		t.Errorf("read %+v, error %v", read, err)
	}
	text, err = yaml.Marshal(value)
	if err != nil || !strings.Contains(string(text), "count: 3\n") {
		t.Errorf("%s, error %v", text, err)
	}
	read = all{}
	if err := yaml.Unmarshal(text, &read); err != nil || read != value {
		t.Errorf("read %+v, error %v", read, err)
	}
}

func FuzzBytes(f *testing.F) {
	fuzz[quantity.Bytes](f, quantity.ParseBytes, "4GiB", "1.5 MiB", "10GB", "9007199254740993B", "0.3GiB")
}

func FuzzPercent(f *testing.F) {
	fuzz[quantity.Percent](f, quantity.ParsePercent, "99.9%", "0.0000001%", "33.3333333 %", "100%")
}

func FuzzDuration(f *testing.F) {
	fuzz[quantity.Duration](f, quantity.ParseDuration, "200ms", "1h30m", "1.5ns", "2562047h47m16.854775807s")
}

func FuzzRange(f *testing.F) {
	fuzz[quantity.Range](f, quantity.ParseRange, "3", "2..6", "+3", "0..100000")
}

func FuzzMoney(f *testing.F) {
	fuzz[quantity.Money](f, quantity.ParseMoney, "120 EUR", "-0.0412 USD", "9223372036854.775807 EUR",
		"-9223372036854.775808 EUR", "-0 EUR")
}

func FuzzRate(f *testing.F) {
	fuzz[quantity.Rate](f, quantity.ParseRate, "120 EUR/month", "0.20 EUR/h", "-1 EUR / hour", "0 EUR/h",
		"-9223372036854.775808 EUR/month")
}

// fuzz reads anything. What can be read must print as text that reads as the same.
func fuzz[Q interface {
	comparable
	fmt.Stringer
	encoding.TextMarshaler
}](f *testing.F, parse func(string) (Q, error), seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, err := parse(text)
		if err != nil {
			return
		}
		again, err := parse(value.String())
		if err != nil || again != value {
			t.Fatalf("%q is %#v and prints %q, which is %#v, error %v", text, value, value, again, err)
		}
		marshalled, err := value.MarshalText()
		if err != nil || string(marshalled) != value.String() {
			t.Fatalf("%q marshals as %q, error %v", value, marshalled, err)
		}
	})
}
