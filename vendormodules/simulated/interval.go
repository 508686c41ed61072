package simulated

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// interval is a length of time drawn between two bounds, both included.
type interval struct{ least, most time.Duration }

// UnmarshalText reads "50ms" or "20ms..200ms".
func (i *interval) UnmarshalText(text []byte) error {
	least, most, ranged := strings.Cut(string(text), "..")
	if !ranged {
		most = least
	}
	var bounds [2]quantity.Duration
	for index, bound := range [...]string{least, most} {
		if err := bounds[index].UnmarshalText([]byte(bound)); err != nil {
			return fmt.Errorf("%q is not a length of time; write 50ms or 20ms..200ms", text)
		}
	}
	if bounds[1] < bounds[0] {
		return fmt.Errorf("%q ends below its beginning; write the shorter time first", text)
	}
	*i = interval{time.Duration(bounds[0]), time.Duration(bounds[1])}
	return nil
}

// draw is a length within the bounds.
func (i interval) draw(random *rand.Rand) time.Duration {
	if i.most <= i.least {
		return i.least
	}
	return i.least + time.Duration(random.Int64N(int64(i.most-i.least)+1))
}
