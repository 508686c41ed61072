package quantity

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Percent is a share of a whole, from 0 to 1: an availability of 99.9 % is 0.999.
type Percent float64

// ParsePercent reads "99.9%" or "99.9 %", from 0% to 100%, with at most seven decimals.
func ParsePercent(text string) (Percent, error) {
	number, found := strings.CutSuffix(strings.TrimSpace(text), "%")
	number = strings.TrimSpace(number)
	value, err := parseDecimal(number)
	if !found || err != nil {
		return 0, fmt.Errorf("%q is not a percentage; write 99.9%%", text)
	}
	if value > 100 {
		return 0, fmt.Errorf("%q is above 100%%", text)
	}
	if _, decimals, _ := strings.Cut(number, "."); len(decimals) > 7 {
		return 0, fmt.Errorf("%q has more than seven decimals", text)
	}
	// Read as 99.9e-2 rather than divided by 100, so that it is the float64 nearest to 0.999.
	share, err := strconv.ParseFloat(number+"e-2", 64)
	return Percent(share), err
}

// String writes up to seven decimals: "99.9%".
func (p Percent) String() string {
	text := strconv.FormatFloat(float64(p)*100, 'f', 7, 64)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + "%"
}

// Rounded is the percentage that p is written as: what a reader of p's text has.
func (p Percent) Rounded() Percent {
	rounded, err := ParsePercent(p.String())
	if err != nil {
		return p // beyond 0% and 100%, which is written and not read
	}
	return rounded
}

// MarshalText implements encoding.TextMarshaler.
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Percent) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePercent(string(text))
	return err
}

// Duration is a span of time, at least 0.
type Duration time.Duration

// ParseDuration reads "200ms", "1s" or "1h30m".
func ParseDuration(text string) (Duration, error) {
	value, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || value < 0 {
		return 0, fmt.Errorf("%q is not a duration; write 200ms, 30s or 1h", text)
	}
	return Duration(value), nil
}

// String writes "200ms", "1s", "1h30m0s".
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// MaxCount is the largest count a Range may hold: what one class can be asked to run.
const MaxCount = 100_000

// Range is a count of instances, from Min to Max, both included; a plain count has Min equal to Max.
type Range struct {
	Min, Max int
}

// ParseRange reads "3" or "2..6", from 0 to MaxCount.
func ParseRange(text string) (Range, error) {
	low, high, ranged := strings.Cut(strings.TrimSpace(text), "..")
	if !ranged {
		high = low
	}
	smallest, errLow := strconv.Atoi(low)
	largest, errHigh := strconv.Atoi(high)
	if errLow != nil || errHigh != nil || smallest < 0 {
		return Range{}, fmt.Errorf("%q is not a count; write 3 or 2..6", text)
	}
	if largest < smallest {
		return Range{}, fmt.Errorf("%q ends below its beginning; write the smaller count first", text)
	}
	if largest > MaxCount {
		return Range{}, fmt.Errorf("%q: a class runs at most %d instances", text, MaxCount)
	}
	return Range{smallest, largest}, nil
}

// Contains says whether count lies in the range.
func (r Range) Contains(count int) bool { return r.Min <= count && count <= r.Max }

// String writes "3" or "2..6".
func (r Range) String() string {
	if r.Min == r.Max {
		return strconv.Itoa(r.Min)
	}
	return strconv.Itoa(r.Min) + ".." + strconv.Itoa(r.Max)
}

// MarshalText implements encoding.TextMarshaler.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// MarshalYAML writes a plain count without quotes.
func (r Range) MarshalYAML() (any, error) {
	if r.Min == r.Max {
		return r.Min, nil
	}
	return r.String(), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Range) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRange(string(text))
	return err
}
