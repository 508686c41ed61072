package planning_test

import (
	"fmt"

	"github.com/cloud-agency/agency/sla/planning"
)

func ExamplePlans() {
	result, err := planning.Plans(shop(), 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, plan := range result.Plans {
		fmt.Println(plan.Rank, plan.Price, plan.Availability, plan.Remark)
		for _, leg := range plan.Legs {
			fmt.Println("  ", leg.Vendor, leg.Classes, leg.Price)
		}
	}
	// Output:
	// 1 0.06 EUR/h 99.800125% cheapest
	//    athens [data db front lan web] 0.06 EUR/h
	// 2 0.062 EUR/h 99.880021% 1.46 EUR/month dearer, 0.08% more available
	//    athens [front lan web] 0.04 EUR/h
	//    lisbon [data db] 0.022 EUR/h
}
