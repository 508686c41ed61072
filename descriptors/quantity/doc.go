// Package quantity holds the amounts that descriptors, offers and agreements are made of: sizes, percentages,
// durations, counts, and money.
//
// Each type is written in text the way people write it ("4GiB", "99.9%", "200ms", "2..6", "120 EUR/month"), reads that
// text strictly, and prints the one canonical form, so that what is printed can be fed back. In JSON and YAML every
// quantity is that text. Money is exact: integer micro-units of one currency, never a float, never a sum of two
// currencies.
package quantity
