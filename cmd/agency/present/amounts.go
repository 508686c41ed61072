package present

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// None stands where there is nothing to show.
const None = "-"

// Rate writes an hourly price with four decimals, so that a column of them lines up: "0.0412 EUR". Smaller ones are
// written exactly.
func Rate(rate quantity.Rate) string {
	micros := rate.PerHour.Micros
	if rate == (quantity.Rate{}) {
		return None
	}
	if micros != 0 && micros > -100 && micros < 100 {
		return rate.PerHour.String()
	}
	return decimals(micros, 4) + " " + string(rate.PerHour.Currency)
}

// PerHour writes a rate with its unit: "0.0412 EUR/h".
func PerHour(rate quantity.Rate) string {
	if rate == (quantity.Rate{}) {
		return None
	}
	return Rate(rate) + "/h"
}

// Month writes what a rate comes to in a month, with two decimals: "30.08 EUR".
func Month(rate quantity.Rate) string {
	amount, err := rate.PerMonth()
	if err != nil || rate == (quantity.Rate{}) {
		return None
	}
	return Money(amount)
}

// PerMonth writes the same with its unit: "30.08 EUR/month".
func PerMonth(rate quantity.Rate) string {
	if text := Month(rate); text != None {
		return text + "/month"
	}
	return None
}

// Money writes an amount with two decimals: "3.00 EUR".
func Money(amount quantity.Money) string {
	return decimals(amount.Micros, 2) + " " + string(amount.Currency)
}

// decimals rounds micro-units to so many decimals, half away from zero.
func decimals(micros int64, places int) string {
	unit := int64(math.Pow10(6 - places))
	sign, rest := "", micros
	if micros < 0 {
		sign, rest = "-", -micros
	}
	rounded := (rest + unit/2) / unit
	scale := int64(math.Pow10(places))
	return fmt.Sprintf("%s%d.%0*d", sign, rounded/scale, places, rounded%scale)
}

// Availability writes a share with two decimals, so that a column of them lines up, and with more only where fewer would
// make a whole of it: "99.95 %", "99.9995 %".
func Availability(share quantity.Percent) string {
	if share == 0 {
		return None
	}
	text := ""
	for places := 2; places <= 6; places++ {
		text = strconv.FormatFloat(float64(share)*100, 'f', places, 64)
		if share >= 1 || !strings.HasPrefix(text, "100") {
			break
		}
	}
	return text + " %"
}

// Size writes a size in the largest unit of which there is one, with at most one decimal: "512 MiB", "23.5 GiB".
func Size(size quantity.Bytes) string {
	units := []struct {
		size quantity.Bytes
		name string
	}{{quantity.TiB, "TiB"}, {quantity.GiB, "GiB"}, {quantity.MiB, "MiB"}, {quantity.KiB, "KiB"}}
	for _, unit := range units {
		if size >= unit.size {
			number := strconv.FormatFloat(float64(size)/float64(unit.size), 'f', 1, 64)
			return strings.TrimSuffix(number, ".0") + " " + unit.name
		}
	}
	return strconv.FormatInt(int64(size), 10) + " B"
}

// Span writes a length of time in its largest fitting unit: "38 ms", "1.2 s", "4 min", "3 h", "2 d".
func Span(span time.Duration) string {
	switch {
	case span < 0:
		return "-" + Span(-span)
	case span < time.Millisecond:
		return fmt.Sprintf("%d us", span.Microseconds())
	case span < time.Second:
		return fmt.Sprintf("%d ms", span.Milliseconds())
	case span < 10*time.Second && span%time.Second != 0:
		return fmt.Sprintf("%.1f s", span.Seconds())
	case span < 2*time.Minute:
		return fmt.Sprintf("%d s", int(span.Seconds()))
	case span < 2*time.Hour:
		return fmt.Sprintf("%d min", int(span.Minutes()))
	case span < 48*time.Hour:
		return fmt.Sprintf("%d h", int(span.Hours()))
	}
	return fmt.Sprintf("%d d", int(span.Hours()/24))
}

// Ago tells a time in the past from now on a live screen ("40 s ago"), and elsewhere in RFC 3339.
func (s *Screen) Ago(at time.Time) string {
	switch elapsed := s.Now().Sub(at); {
	case at.IsZero():
		return None
	case !s.Live:
		return at.UTC().Format(time.RFC3339)
	case elapsed < time.Second:
		return "just now"
	default:
		return Span(elapsed.Truncate(time.Second)) + " ago"
	}
}

// Until tells a time in the future from now on a live screen ("in 29 s", "past"), and elsewhere in RFC 3339.
func (s *Screen) Until(at time.Time) string {
	switch left := at.Sub(s.Now()); {
	case at.IsZero():
		return None
	case !s.Live:
		return at.UTC().Format(time.RFC3339)
	case left <= 0:
		return "past"
	default:
		return "in " + Span(left.Truncate(time.Second)+time.Second)
	}
}

// Clock writes the time of day on a live screen, with month and day unless that is today, and elsewhere RFC 3339 with milliseconds.
func (s *Screen) Clock(at time.Time) string {
	at, today := at.Local(), s.Now().Local().Format(time.DateOnly)
	switch {
	case !s.Live:
		return at.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	case at.Format(time.DateOnly) != today:
		return at.Format("01-02 15:04:05")
	}
	return at.Format(time.TimeOnly)
}

// Names joins names with blanks, or says that there are none.
func Names(names []string) string {
	if len(names) == 0 {
		return None
	}
	return strings.Join(names, " ")
}

// sizeInText is a size as agents write it exactly in their sentences.
var sizeInText = regexp.MustCompile(`\b\d+[KMG]iB\b`)

// timeInText is a time as agents write it in their sentences.
var timeInText = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// Sentence does what the function of that name does, and on a live screen tells times of today by the clock.
func (s *Screen) Sentence(text string) string {
	text = Sentence(text)
	if !s.Live {
		return text
	}
	return timeInText.ReplaceAllStringFunc(text, func(exact string) string {
		at, err := time.Parse(time.RFC3339, exact)
		if err != nil {
			return exact
		}
		return s.Clock(at)
	})
}

// Sentence rounds the sizes in a text that was written to be exact, such as "24684096KiB are free".
func Sentence(text string) string {
	return sizeInText.ReplaceAllStringFunc(text, func(exact string) string {
		size, err := quantity.ParseBytes(exact)
		if err != nil {
			return exact
		}
		return Size(size)
	})
}
