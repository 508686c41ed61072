package quantity

import (
	"fmt"
	"strings"
)

// Rate is money per hour: what running something costs.
type Rate struct {
	PerHour Money
}

// Add returns the sum of two rates; the errors are those of Money.Add.
func (r Rate) Add(other Rate) (Rate, error) {
	sum, err := r.PerHour.Add(other.PerHour)
	return Rate{sum}, err
}

// Times returns the rate of count equal things; the errors are those of Money.Times.
func (r Rate) Times(count int) (Rate, error) {
	product, err := r.PerHour.Times(int64(count))
	return Rate{product}, err
}

// PerMonth is the rate over HoursPerMonth hours; the errors are those of Money.Times.
func (r Rate) PerMonth() (Money, error) {
	return r.PerHour.Times(HoursPerMonth)
}

// String writes "0.0412 EUR/h".
func (r Rate) String() string {
	if r == (Rate{}) {
		return ""
	}
	return r.PerHour.String() + "/h"
}

// ParseRate reads an amount of money per "h", "hour" or "month". A monthly amount becomes the hourly one, rounded down
// to the micro-unit, so that a budget given by the month is never exceeded by rounding.
func ParseRate(text string) (Rate, error) {
	amount, period, found := strings.Cut(text, "/")
	if !found {
		return Rate{}, fmt.Errorf("%q is not a rate; write 120 EUR/month or 0.20 EUR/h", text)
	}
	money, err := ParseMoney(amount)
	if err != nil {
		return Rate{}, err
	}
	switch strings.TrimSpace(period) {
	case "h", "hour":
		return Rate{money}, nil
	case "month":
		return Rate{Money{floorDivide(money.Micros, HoursPerMonth), money.Currency}}, nil
	}
	return Rate{}, fmt.Errorf("%q: a rate is per h, hour or month, not per %q", text, strings.TrimSpace(period))
}

func floorDivide(dividend, divisor int64) int64 {
	quotient := dividend / divisor
	if dividend%divisor < 0 {
		quotient--
	}
	return quotient
}

// MarshalText implements encoding.TextMarshaler.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Rate) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*r = Rate{}
		return nil
	}
	*r, err = ParseRate(string(text))
	return err
}
