package quantity

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// MicrosPerUnit is the number of micro-units in one unit of a currency (one euro, one dollar).
const MicrosPerUnit = 1_000_000

// HoursPerMonth is the length of the billing month: 8760 hours a year over 12.
const HoursPerMonth = 730

// ErrCurrency is returned when amounts of two currencies meet. They are never added: a rate is somebody's decision.
var ErrCurrency = errors.New("amounts of two currencies")

// ErrOverflow is returned when an amount leaves the range of 64 bits.
var ErrOverflow = errors.New("amount out of range")

// Currency is an ISO 4217 code of three capital letters.
type Currency string

// ParseCurrency reads an ISO 4217 code.
func ParseCurrency(text string) (Currency, error) {
	if len(text) != 3 || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", fmt.Errorf("%q is not a currency; write three capital letters such as EUR", text)
	}
	return Currency(text), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Currency) UnmarshalText(text []byte) (err error) {
	*c, err = ParseCurrency(string(text))
	return err
}

// Money is an exact amount: an integer number of micro-units of a currency.
type Money struct {
	Micros   int64
	Currency Currency
}

// Add returns m+other, ErrCurrency if they are of two currencies, ErrOverflow beyond 64 bits. The zero Money, which
// has no currency, adds to any.
func (m Money) Add(other Money) (Money, error) {
	if m == (Money{}) {
		return other, nil
	}
	if other == (Money{}) {
		return m, nil
	}
	if m.Currency != other.Currency {
		return Money{}, fmt.Errorf("%s and %s: %w", m, other, ErrCurrency)
	}
	sum := m.Micros + other.Micros
	if (sum > m.Micros) != (other.Micros > 0) && other.Micros != 0 {
		return Money{}, fmt.Errorf("%s + %s: %w", m, other, ErrOverflow)
	}
	return Money{sum, m.Currency}, nil
}

// Times returns m multiplied by a count, ErrOverflow beyond 64 bits.
func (m Money) Times(count int64) (Money, error) {
	negative := (m.Micros < 0) != (count < 0)
	high, low := bits.Mul64(magnitude(m.Micros), magnitude(count))
	if high != 0 || low > math.MaxInt64 {
		return Money{}, fmt.Errorf("%s times %d: %w", m, count, ErrOverflow)
	}
	product := int64(low)
	if negative {
		product = -product
	}
	return Money{product, m.Currency}, nil
}

// shareParts is how finely a percentage is written: seven decimals of a hundredth.
const shareParts = 1_000_000_000

// Share returns a share of an amount that is not below zero, rounded up to the micro-unit, so that what is to be at least
// that share never falls below it.
func (m Money) Share(share Percent) Money {
	parts := uint64(math.Round(float64(min(max(share, 0), 1)) * shareParts))
	high, low := bits.Mul64(uint64(max(m.Micros, 0)), parts)
	low, carry := bits.Add64(low, shareParts-1, 0)
	quotient, _ := bits.Div64(high+carry, low, shareParts)
	return Money{int64(quotient), m.Currency}
}

func magnitude(value int64) uint64 {
	if value < 0 {
		return -uint64(value)
	}
	return uint64(value)
}

// Compare returns -1, 0 or 1, or ErrCurrency if the amounts are of two currencies.
func (m Money) Compare(other Money) (int, error) {
	if m.Currency != other.Currency && m != (Money{}) && other != (Money{}) {
		return 0, fmt.Errorf("%s and %s: %w", m, other, ErrCurrency)
	}
	switch {
	case m.Micros < other.Micros:
		return -1, nil
	case m.Micros > other.Micros:
		return 1, nil
	}
	return 0, nil
}

// String writes at least two and at most six decimals: "0.0412 EUR", "120.00 EUR".
func (m Money) String() string {
	whole, part := magnitude(m.Micros)/MicrosPerUnit, magnitude(m.Micros)%MicrosPerUnit
	decimals := strings.TrimRight(fmt.Sprintf("%06d", part), "0")
	for len(decimals) < 2 {
		decimals += "0"
	}
	sign := ""
	if m.Micros < 0 {
		sign = "-"
	}
	text := fmt.Sprintf("%s%d.%s", sign, whole, decimals)
	if m.Currency == "" {
		return text
	}
	return text + " " + string(m.Currency)
}

// ParseMoney reads "120 EUR" or "0.0412 EUR"; more than six decimals are refused rather than rounded.
func ParseMoney(text string) (Money, error) {
	number, code, found := strings.Cut(strings.TrimSpace(text), " ")
	if !found {
		return Money{}, fmt.Errorf("%q is not an amount of money; write 120 EUR", text)
	}
	currency, err := ParseCurrency(strings.TrimSpace(code))
	if err != nil {
		return Money{}, err
	}
	micros, err := parseMicros(number)
	if err != nil {
		return Money{}, fmt.Errorf("%q is not an amount of money: %w; write 120 EUR", text, err)
	}
	return Money{micros, currency}, nil
}

func parseMicros(number string) (int64, error) {
	negative := strings.HasPrefix(number, "-")
	whole, part, _ := strings.Cut(strings.TrimPrefix(number, "-"), ".")
	if len(part) > 6 {
		return 0, errors.New("more than six decimals")
	}
	digits := whole + part + strings.Repeat("0", 6-len(part))
	if whole == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, errors.New("not a decimal number")
	}
	if negative {
		digits = "-" + digits
	}
	micros, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, ErrOverflow
	}
	return micros, nil
}

// MarshalText implements encoding.TextMarshaler.
func (m Money) MarshalText() ([]byte, error) {
	if m == (Money{}) {
		return []byte{}, nil
	}
	return []byte(m.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Money) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*m = Money{}
		return nil
	}
	*m, err = ParseMoney(string(text))
	return err
}
