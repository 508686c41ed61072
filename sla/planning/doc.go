// Package planning finds the best feasible plans for a set of proposals, exactly.
//
// A plan gives every class of an application to one vendor. It is feasible when every offer taken is a valid one for its
// class, when classes that belong together are at one vendor and those that must be apart are not, when each has an address
// that those who need one of it can reach, as far as offers tell, when the whole is as available as the objectives ask, and
// when its price at the maximum of every range is within the budget.
//
// # The order of plans
//
// Plans are ranked by a total order, so that equal proposals in whatever sequence give equal plans:
//
//   - cheapest: lower price at the minimum of every range; then higher availability;
//   - most available: higher availability; then lower price;
//   - weighted: lower score; then lower price; then higher availability. Price and unavailability (the negative logarithm
//     of availability) are each scaled so that 0 is the best that any feasible plan reaches and 1 is what the plan best
//     in the other of the two has; the score is their weighted sum. Offers that can be in no plan worth taking therefore
//     do not shift the balance.
//
// What is still equal is ordered by fewer vendors, and then by the vendors' names in the order of the classes'. Unavailability
// is compared in steps of 1e-12, prices are compared exactly.
//
// # How
//
// Classes that must be at one vendor become one group, and vendors that at least limit other vendors beat in every respect
// are left out of it. The groups are decided one after the other, depth first, each vendor tried in the order of its cost.
// A branch is given up when no completion of it can be feasible or come before the worst of the plans kept, which
// is judged by the sum of what each undecided group must cost at least and, where the budget or an objective
// binds or classes are kept apart, by the Lagrangian relaxation of these.
//
// Without classes apart, with neither budget nor objective binding and with few ties, this takes time about in proportion to
// offers times limit. The general problem holds graph colouring, the multiple-choice knapsack and, where plans of equal
// price and availability are told apart by the number of vendors, set cover: the worst case is exponential in the number of
// groups. It is never so silently: the search counts its steps, and beyond Problem.Effort of them returns what it has with
// ErrEffort.
package planning
