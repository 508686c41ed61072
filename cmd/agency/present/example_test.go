package present_test

import (
	"os"
	"time"

	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

func ExampleScreen_Table() {
	screen := present.NewScreen(os.Stdout, true, time.Now)
	price := quantity.Rate{PerHour: quantity.Money{Micros: 41_200, Currency: "EUR"}}
	screen.Table(present.Columns("VENDOR", "FOR", ">PRICE/H", ">AVAILABLE"), [][]string{
		{"ptc-athens", "web db", present.Rate(price), present.Availability(0.9995)},
	})
	// Output:
	//   VENDOR       FOR         PRICE/H   AVAILABLE
	//   ptc-athens   web db   0.0412 EUR     99.95 %
}
