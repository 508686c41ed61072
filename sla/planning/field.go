package planning

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
)

// field is a market under the placements of its application: the decisions to be made and what each may become.
type field struct {
	*market
	// groups are ordered by their first class.
	groups []group
}

// group is a set of classes that must be at one vendor.
type group struct {
	// classes by index, ascending.
	classes []int
	// because says what holds them together, for people.
	because []string
	// apart are the groups that must be at other vendors, ascending.
	apart []int
	// torn are classes of this group that must also be apart from one another.
	torn []string
	// options are ordered by vendor.
	options []option
}

// option is a vendor that can serve a group, with the sums over the group's classes.
type option struct {
	vendor               int
	price, maximum, loss int64
	// adjusted is the price of the Lagrangian relaxation, strain the share of the limits that is used up.
	adjusted, strain float64
}

func newField(m *market) (*field, error) {
	ties, err := newTies(m)
	if err != nil {
		return nil, err
	}
	f := &field{market: m, groups: ties.groups()}
	for i := range f.groups {
		f.groups[i].options = m.options(f.groups[i].classes)
	}
	return f, nil
}

// options returns the vendors that can serve all of the classes.
func (m *market) options(classes []int) []option {
	var options []option
	for vendor := range m.vendors {
		sum, usable := option{vendor: vendor}, true
		for _, class := range classes {
			offer := m.offers[class][vendor]
			usable = usable && offer.usable
			sum.price, sum.maximum, sum.loss = sum.price+offer.price, sum.maximum+offer.maximum, sum.loss+offer.loss
		}
		if usable {
			options = append(options, sum)
		}
	}
	return options
}

// ties is a union-find over classes, with the reasons for the unions and the pairs that must be apart.
type ties struct {
	market *market
	index  map[string]int
	parent []int
	unions []union
	apart  [][2]int
}

type union struct {
	class   int
	because string
}

func newTies(m *market) (*ties, error) {
	t := &ties{market: m, index: make(map[string]int, len(m.classes)), parent: make([]int, len(m.classes))}
	for i, name := range m.classes {
		t.index[name], t.parent[i] = i, i
	}
	for _, name := range m.classes {
		if err := t.add(name, m.problem.Application.Resources[name]); err != nil {
			return nil, fmt.Errorf("class %q: %w", name, err)
		}
	}
	return t, nil
}

func (t *ties) add(name string, class descriptors.Class) error {
	for _, other := range class.Place.Together {
		if err := t.unite(name, other, name+" together with "+other); err != nil {
			return err
		}
	}
	for volume := range class.Volumes {
		if err := t.unite(name, volume, "volume "+volume+" is with "+name); err != nil {
			return err
		}
	}
	for _, network := range class.Networks {
		if err := t.join(network, name); err != nil {
			return err
		}
	}
	for _, member := range class.Members {
		if err := t.join(name, member); err != nil {
			return err
		}
	}
	for _, other := range class.Place.Apart {
		if other == descriptors.ApartMachine {
			continue
		}
		if err := t.known(other); err != nil {
			return err
		}
		t.apart = append(t.apart, [2]int{t.index[name], t.index[other]})
	}
	return nil
}

// join puts a member at the vendor of a network that does not span vendors.
func (t *ties) join(network, member string) error {
	class := t.market.problem.Application.Resources[network]
	if err := t.known(network); err != nil || !class.Confined() {
		return err
	}
	because := "network " + network
	if class.Private {
		because = "private " + because
	}
	return t.unite(network, member, because)
}

func (t *ties) unite(name, other, because string) error {
	if err := t.known(other); err != nil {
		return err
	}
	t.unions = append(t.unions, union{t.index[name], because})
	t.parent[t.root(t.index[other])] = t.root(t.index[name])
	return nil
}

func (t *ties) known(name string) error {
	if _, found := t.index[name]; !found {
		return fmt.Errorf("%w: %q is not one of its classes", ErrApplication, name)
	}
	return nil
}

func (t *ties) root(class int) int {
	for t.parent[class] != class {
		t.parent[class] = t.parent[t.parent[class]]
		class = t.parent[class]
	}
	return class
}

func (t *ties) groups() []group {
	var groups []group
	number := make(map[int]int, len(t.parent))
	of := func(class int) int {
		root := t.root(class)
		if _, found := number[root]; !found {
			number[root] = len(groups)
			groups = append(groups, group{})
		}
		return number[root]
	}
	for class := range t.parent {
		at := of(class)
		groups[at].classes = append(groups[at].classes, class)
	}
	for _, union := range t.unions {
		at := of(union.class)
		groups[at].because = append(groups[at].because, union.because)
	}
	for _, pair := range t.apart {
		one, other := of(pair[0]), of(pair[1])
		if one == other {
			groups[one].torn = append(groups[one].torn, t.market.classes[pair[0]], t.market.classes[pair[1]])
			continue
		}
		groups[one].apart = append(groups[one].apart, other)
		groups[other].apart = append(groups[other].apart, one)
	}
	for i := range groups {
		groups[i].because = distinct(groups[i].because)
		groups[i].torn = distinct(groups[i].torn)
		groups[i].apart = distinct(groups[i].apart)
	}
	return groups
}

func distinct[T int | string](values []T) []T {
	slices.Sort(values)
	return slices.Compact(values)
}

// names of the group's classes.
func (f *field) names(g group) []string {
	names := make([]string, len(g.classes))
	for i, class := range g.classes {
		names[i] = f.classes[class]
	}
	return names
}

// unserved explains the groups that no vendor can serve, whatever the rest does.
func (f *field) unserved() []Obstacle {
	var missing []Obstacle
	for _, g := range f.groups {
		if len(g.torn) > 0 {
			missing = append(missing, Obstacle{
				Reason: fmt.Sprintf("%s must be apart and yet at one vendor: %s", list(g.torn, "and"), strings.Join(g.because, ", ")),
				Hint:   "take one of the two placements away",
			})
			continue
		}
		if len(g.options) > 0 {
			continue
		}
		served := true
		for _, class := range g.classes {
			if f.offered(class) == 0 {
				served = false
				missing = append(missing, Obstacle{Class: f.classes[class], Reason: "no vendor serves it"})
			}
		}
		if served {
			missing = append(missing, Obstacle{
				Reason: fmt.Sprintf("%s must be at one vendor (%s) and no vendor serves them all", list(f.names(g), "and"), strings.Join(g.because, ", ")),
				Hint:   f.nearest(g),
			})
		}
	}
	return missing
}

// offered counts the vendors that can serve a class.
func (f *field) offered(class int) int {
	count := 0
	for _, offer := range f.offers[class] {
		if offer.usable {
			count++
		}
	}
	return count
}

// nearest names the vendor that serves most of a group, and what it lacks.
func (f *field) nearest(g group) string {
	var fewest []string
	nearest := ""
	for vendor, name := range f.vendors {
		var lacking []string
		for _, class := range g.classes {
			if !f.offers[class][vendor].usable {
				lacking = append(lacking, f.classes[class])
			}
		}
		if nearest == "" || len(lacking) < len(fewest) {
			nearest, fewest = name, lacking
		}
	}
	return nearest + " lacks only " + list(fewest, "and")
}
