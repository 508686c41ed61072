package quantity_test

import (
	"fmt"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

func Example() {
	memory, _ := quantity.ParseBytes("1.5 GiB")
	budget, _ := quantity.ParseRate("120 EUR/month")
	month, _ := budget.PerMonth()
	count, _ := quantity.ParseRange("2..6")
	fmt.Println(memory, budget, month, count.Contains(3))
	// Output: 1536MiB 0.164383 EUR/h 119.99959 EUR true
}
