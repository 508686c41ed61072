package difference

import (
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
)

// mostExpensive is what a deployment comes to at the most of every range; not known if currencies differ or the sum is
// out of range.
func mostExpensive(deployment descriptors.Deployment) (total quantity.Rate, known bool) {
	classes := deployment.Classes()
	for name, bound := range deployment.Resources {
		price, err := bound.Price.Times(sla.Instances(classes, name).Max)
		if err == nil && total != (quantity.Rate{}) {
			price, err = total.Add(price)
		}
		if err != nil {
			return total, false
		}
		total = price
	}
	return total, true
}
