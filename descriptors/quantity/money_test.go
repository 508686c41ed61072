package quantity_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

func euro(micros int64) quantity.Money { return quantity.Money{Micros: micros, Currency: "EUR"} }

func dollar(micros int64) quantity.Money { return quantity.Money{Micros: micros, Currency: "USD"} }

func TestMoneyIsRead(t *testing.T) {
	checkExamples(t, quantity.ParseMoney, []example[quantity.Money]{
		{text: "120 EUR", value: euro(120e6), printed: "120.00 EUR"},
		{text: "0.0412 EUR", value: euro(41_200), printed: "0.0412 EUR"},
		{text: "  7.5   USD ", value: dollar(7.5e6), printed: "7.50 USD"},
		{text: "-0.000001 EUR", value: euro(-1), printed: "-0.000001 EUR"},
		{text: "9223372036854.775807 EUR", value: euro(math.MaxInt64), printed: "9223372036854.775807 EUR"},
		{text: "-9223372036854.775808 EUR", value: euro(math.MinInt64), printed: "-9223372036854.775808 EUR"},
		{text: "9223372036854.775808 EUR", contains: "out of range"},
		{text: "0.0000001 EUR", contains: "more than six decimals"},
		{text: "120", contains: "not an amount of money"},
		{text: "120EUR", contains: "not an amount of money"},
		{text: "120 euro", contains: "not a currency"},
		{text: ".5 EUR", contains: "not a decimal number"},
		{text: "1,5 EUR", contains: "not a decimal number"},
		{text: "1e3 EUR", contains: "not a decimal number"},
		{text: "--1 EUR", contains: "not a decimal number"},
	})
	if text := (quantity.Money{Micros: 5}).String(); text != "0.000005" {
		t.Error(text)
	}
}

func TestMoneyAdds(t *testing.T) {
	none := quantity.Money{}
	for _, sum := range []struct {
		a, b, want quantity.Money
		err        error
	}{
		{a: euro(1), b: euro(2), want: euro(3)},
		{a: euro(1), b: euro(-2), want: euro(-1)},
		{a: none, b: dollar(2), want: dollar(2)},
		{a: euro(1), b: none, want: euro(1)},
		{a: euro(1), b: euro(0), want: euro(1)},
		{a: euro(1), b: dollar(1), err: quantity.ErrCurrency},
		{a: euro(0), b: dollar(0), err: quantity.ErrCurrency},
		{a: euro(math.MaxInt64), b: euro(1), err: quantity.ErrOverflow},
		{a: euro(math.MinInt64), b: euro(-1), err: quantity.ErrOverflow},
		{a: euro(math.MaxInt64), b: euro(math.MinInt64), want: euro(-1)},
	} {
		got, err := sum.a.Add(sum.b)
		if got != sum.want || !errors.Is(err, sum.err) {
			t.Errorf("%v + %v = %v, error %v", sum.a, sum.b, got, err)
		}
	}
}

func TestMoneyCompares(t *testing.T) {
	for _, pair := range []struct {
		a, b quantity.Money
		want int
		err  error
	}{
		{a: euro(1), b: euro(2), want: -1},
		{a: euro(2), b: euro(2), want: 0},
		{a: euro(3), b: euro(2), want: 1},
		{a: quantity.Money{}, b: euro(2), want: -1},
		{a: euro(1), b: dollar(1), err: quantity.ErrCurrency},
	} {
		if got, err := pair.a.Compare(pair.b); got != pair.want || !errors.Is(err, pair.err) {
			t.Errorf("%v to %v is %d, error %v", pair.a, pair.b, got, err)
		}
	}
}

// TestMoneyIsExact holds sums and products against integers without bounds.
func TestMoneyIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		sum, err := euro(a).Add(euro(b))
		exact(t, new(big.Int).Add(big.NewInt(a), big.NewInt(b)), sum, err)
		product, err := euro(a).Times(b)
		want := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		if want.Cmp(big.NewInt(math.MinInt64)) == 0 {
			return // the one number whose magnitude is out of range
		}
		exact(t, want, product, err)
	})
}

func exact(t *rapid.T, want *big.Int, got quantity.Money, err error) {
	switch {
	case !want.IsInt64() && !errors.Is(err, quantity.ErrOverflow):
		t.Fatalf("got %v, error %v, where %v does not fit", got, err, want)
	case want.IsInt64() && (err != nil || got.Micros != want.Int64() || got.Currency != "EUR"):
		t.Fatalf("got %v, error %v, want %v", got, err, want)
	}
}

func TestRate(t *testing.T) {
	checkExamples(t, quantity.ParseRate, []example[quantity.Rate]{
		{text: "0.20 EUR/h", value: quantity.Rate{PerHour: euro(200_000)}, printed: "0.20 EUR/h"},
		{text: "1 EUR / hour", value: quantity.Rate{PerHour: euro(1e6)}, printed: "1.00 EUR/h"},
		{text: "730 EUR/month", value: quantity.Rate{PerHour: euro(1e6)}, printed: "1.00 EUR/h"},
		{text: "120 EUR/month", value: quantity.Rate{PerHour: euro(164_383)}, printed: "0.164383 EUR/h"},
		{text: "-0.000001 EUR/month", value: quantity.Rate{PerHour: euro(-1)}, printed: "-0.000001 EUR/h"},
		{text: "120 EUR", contains: "not a rate"},
		{text: "120/month", contains: "not an amount of money"},
		{text: "120 EUR/year", contains: `not per "year"`},
	})
}

func TestRatesAddUp(t *testing.T) {
	rate := quantity.Rate{PerHour: euro(200_000)}
	if sum, err := rate.Add(quantity.Rate{}); err != nil || sum != rate {
		t.Error(sum, err)
	}
	if _, err := rate.Add(quantity.Rate{PerHour: dollar(1)}); !errors.Is(err, quantity.ErrCurrency) {
		t.Error(err)
	}
	if product, err := rate.Times(3); err != nil || product.PerHour != euro(600_000) {
		t.Error(product, err)
	}
	if month, err := rate.PerMonth(); err != nil || month != euro(146e6) {
		t.Error(month, err)
	}
	if _, err := (quantity.Rate{PerHour: euro(math.MaxInt64)}).PerMonth(); !errors.Is(err, quantity.ErrOverflow) {
		t.Error(err)
	}
}

// TestMonthlyBudgetsAreNeverExceeded reads a budget by the month: a month at the hourly rate costs at most that.
func TestMonthlyBudgetsAreNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		budget := euro(rapid.Int64Range(0, math.MaxInt64).Draw(t, "micros"))
		rate, err := quantity.ParseRate(budget.String() + "/month")
		if err != nil {
			t.Fatal(err)
		}
		month, err := rate.PerMonth()
		if err != nil || month.Micros > budget.Micros || budget.Micros-month.Micros >= quantity.HoursPerMonth {
			t.Fatalf("%v became %v, which is %v a month; error %v", budget, rate, month, err)
		}
	})
}

// TestAShareIsNeverLessThanItsPercentage compares with exact fractions: the share is the next micro-unit above.
func TestAShareIsNeverLessThanItsPercentage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micros, parts := rapid.Int64Range(0, math.MaxInt64).Draw(t, "micros"), rapid.Int64Range(0, 1e9).Draw(t, "parts")
		exact := new(big.Rat).Mul(big.NewRat(parts, 1e9), new(big.Rat).SetInt64(micros))
		share := euro(micros).Share(quantity.Percent(float64(parts) / 1e9))
		above := new(big.Rat).Sub(new(big.Rat).SetInt64(share.Micros), exact)
		if above.Sign() < 0 || above.Cmp(big.NewRat(1, 1)) >= 0 {
			t.Fatalf("%d billionths of %d are %s, not %d", parts, micros, exact.FloatString(3), share.Micros)
		}
	})
}
