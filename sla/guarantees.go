package sla

// The metrics that guarantees are about.
const (
	MetricAvailability = "availability"
	MetricReadyIn      = "ready-in"
)

// Guarantees are the promises that an agreement on the offers contains, ordered by class and metric: how available an
// instance of each class is at least and, where the vendor says so, how soon it is ready at most. None is determined yet.
func Guarantees(classes map[string]Offer) []Guarantee {
	guarantees := make([]Guarantee, 0, 2*len(classes))
	for _, class := range sortedNames(classes) {
		offer := classes[class]
		guarantees = append(guarantees, Guarantee{
			Class: class, Metric: MetricAvailability, AtLeast: offer.Availability, State: GuaranteeNotDetermined,
		})
		if offer.ReadyIn > 0 {
			guarantees = append(guarantees, Guarantee{
				Class: class, Metric: MetricReadyIn, AtMost: offer.ReadyIn, State: GuaranteeNotDetermined,
			})
		}
	}
	return guarantees
}
