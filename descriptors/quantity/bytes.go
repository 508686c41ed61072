package quantity

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size in bytes, at least 0.
type Bytes int64

// The units a size is written in; the binary ones are canonical.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
	TiB Bytes = 1 << 40
)

var byteUnits = []struct {
	suffix string
	size   Bytes
}{
	{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

// ParseBytes reads "4GiB", "512 MiB", "1.5GiB" or "10GB". A bare number is refused: sizes carry units.
func ParseBytes(text string) (Bytes, error) {
	for _, unit := range byteUnits {
		number, found := strings.CutSuffix(strings.TrimSpace(text), unit.suffix)
		if !found {
			continue
		}
		amount, err := parseDecimal(strings.TrimSpace(number))
		if err != nil {
			return 0, fmt.Errorf("%q is not a size; write 4GiB or 512MiB", text)
		}
		size := amount * float64(unit.size)
		if size > math.MaxInt64/2 {
			return 0, fmt.Errorf("%q: %w", text, ErrOverflow)
		}
		return Bytes(math.Round(size)), nil
	}
	return 0, fmt.Errorf("%q is not a size: sizes carry a unit; write 4GiB or 512MiB", text)
}

// parseDecimal reads digits with at most one point: no sign, exponent, infinity or hexadecimal.
func parseDecimal(number string) (float64, error) {
	if number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, fmt.Errorf("%q is not a decimal number", number)
	}
	return strconv.ParseFloat(number, 64)
}

// String writes the largest binary unit that divides the size: "4GiB", "1536MiB".
func (b Bytes) String() string {
	for _, unit := range byteUnits[:4] {
		if b >= unit.size && b%unit.size == 0 {
			return strconv.FormatInt(int64(b/unit.size), 10) + unit.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBytes(string(text))
	return err
}
