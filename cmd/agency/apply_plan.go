package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/sla/difference"
)

// action is what is done with a class when a file is applied.
type action string

// The actions.
const (
	actionAdd     action = "add"
	actionRemove  action = "remove"
	actionChange  action = "change"  // in place
	actionResize  action = "resize"  // in place
	actionReplace action = "replace" // one after another
	actionMove    action = "move"    // to another vendor
)

// classChange is what becomes of one class.
type classChange struct {
	Class  string                   `json:"class"`
	Type   descriptors.ResourceType `json:"type"`
	Action action                   `json:"action"`
	// Vendor that serves it afterwards, or did before it is removed; From is the one that it leaves.
	Vendor string `json:"vendor"`
	From   string `json:"from,omitempty"`
	// Before and After are how many there are.
	Before int `json:"before"`
	After  int `json:"after"`
	// Agreed says that its terms are agreed on anew.
	Agreed bool `json:"agreed,omitempty"`
	// PriceBefore and PriceAfter are what all of them cost.
	PriceBefore quantity.Rate `json:"price-before,omitzero"`
	PriceAfter  quantity.Rate `json:"price-after,omitzero"`
	// Because says why, where no field of the class does.
	Because string             `json:"because,omitempty"`
	Fields  []difference.Field `json:"fields,omitempty"`
}

// changePlan works out what becomes of each class.
type changePlan struct {
	standing proto.DeploymentStatus
	wanted   descriptors.Application
	found    difference.Difference
	// offers of the call for the change, and the plan taken of them; none where nothing is agreed on.
	offers *proto.Offers
	plan   sla.Plan
}

// changes are the changes of all classes, sorted. The error says what cannot be done at all.
func (p changePlan) changes() ([]classChange, error) {
	var changes []classChange
	for _, class := range p.found.Classes {
		change, err := p.change(class)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	changes = append(changes, p.dependents(changes)...)
	slices.SortFunc(changes, func(one, other classChange) int { return strings.Compare(one.Class, other.Class) })
	return changes, nil
}

func (p changePlan) change(class difference.Class) (classChange, error) {
	bound, stands := p.standing.Descriptor.Resources[class.Class]
	change := classChange{
		Class: class.Class, Type: class.Type, Action: actionChange, Vendor: bound.Vendor, Fields: class.Fields,
	}
	if stands {
		change.Before = p.before(class.Class)
		change.PriceBefore, _ = bound.Price.Times(change.Before) // what cannot be counted is left out
	}
	if class.Change == difference.Removed {
		change.Action = actionRemove
		return change, nil
	}
	offer, vendor := p.offered(class.Class)
	change.Vendor, change.After = vendor, p.after(class.Class, change.Before)
	change.PriceAfter, _ = offer.Unit.Times(change.After)
	change.Agreed = p.offers != nil && slices.Contains(p.offers.Change.Classes, class.Class)
	switch {
	case class.Change == difference.Added:
		change.Action = actionAdd
	case vendor != bound.Vendor:
		change.Action, change.From = actionMove, bound.Vendor
	case class.Resources == difference.Replaced, class.Resources == difference.Resized && !offer.Resizes && change.Agreed:
		change.Action = actionReplace
	case class.Resources == difference.Resized:
		change.Action = actionResize
	}
	return change, p.keepsData(class, change)
}

// keepsData refuses to make a volume anew for another size: what is on it would be lost.
func (p changePlan) keepsData(class difference.Class, change classChange) error {
	if class.Type != descriptors.Volume || class.Resources != difference.Resized || p.standing.State == descriptors.DeploymentPlanned {
		return nil
	}
	before, after := p.standing.Descriptor.Resources[class.Class].Size, p.wanted.Resources[class.Class].Size
	refusal := &client.Error{
		Code: string(sla.RefusedUnsupported), Hint: "add a volume of another name, and copy what is on this one; nothing was changed",
	}
	switch {
	case after < before:
		refusal.Message = fmt.Sprintf("%s has %s and does not shrink to %s", class.Class, before, after)
	case change.Action != actionResize:
		refusal.Message = fmt.Sprintf("%s cannot give %s %s without losing what is on it", p.standing.Descriptor.Resources[class.Class].Vendor,
			class.Class, after)
	default:
		return nil
	}
	return refusal
}

// dependents are the classes that differ in nothing and are made anew all the same, since what they are built on is.
func (p changePlan) dependents(changes []classChange) []classChange {
	anew := map[string]bool{}
	changed := map[string]bool{}
	for _, change := range changes {
		changed[change.Class] = change.Action != actionChange && change.Action != actionResize
		anew[change.Class] = change.Action == actionReplace || change.Action == actionMove
	}
	var found []classChange
	for more := true; more; {
		more = false
		for name, class := range p.wanted.Resources {
			bound, stands := p.standing.Descriptor.Resources[name]
			if changed[name] || anew[name] || !stands {
				continue
			}
			on := slices.IndexFunc(builtOn(p.wanted.Resources, name), func(other string) bool { return anew[other] })
			if on < 0 {
				continue
			}
			anew[name], more = true, true
			count := p.before(name)
			price, _ := bound.Price.Times(count)
			found = append(found, classChange{
				Class: name, Type: class.Type, Action: actionReplace, Vendor: bound.Vendor, Before: count, After: count,
				PriceBefore: price, PriceAfter: price, Because: "built on " + builtOn(p.wanted.Resources, name)[on],
			})
		}
	}
	return found
}

// builtOn are the classes whose resources a class's own are made with: networks, volumes, and those whose addresses they
// are given.
func builtOn(resources map[string]descriptors.Class, name string) []string {
	classes := descriptors.Networks(resources, name)
	for volume := range resources[name].Volumes {
		classes = append(classes, volume)
	}
	for _, reference := range descriptors.References(resources[name]) {
		switch reference.Attribute {
		case descriptors.AttributeAddress, descriptors.AttributeAddresses, descriptors.AttributeRange:
			classes = append(classes, reference.Class)
		}
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}

// before is how many of a class there are to be now.
func (p changePlan) before(name string) int {
	if count, known := p.standing.Counts[name]; known {
		return count
	}
	return sla.Instances(p.standing.Descriptor.Classes(), name).Min
}

// after is how many there are to be then: as many as now, as far as the range allows.
func (p changePlan) after(name string, before int) int {
	class := p.wanted.Resources[name]
	if user, attached := descriptors.VolumeUser(p.wanted.Resources, name); attached && class.Type == descriptors.Volume {
		return p.after(user, p.before(user))
	}
	if _, had := p.standing.Descriptor.Resources[name]; !had || !class.Type.RunsMachines() {
		return sla.Instances(p.wanted.Resources, name).Min
	}
	return min(max(before, class.Count.Min), class.Count.Max)
}

// offered are the terms of a class then, and who serves it.
func (p changePlan) offered(name string) (sla.Offer, string) {
	for _, leg := range p.plan.Legs {
		if !slices.Contains(leg.Classes, name) {
			continue
		}
		for _, proposal := range p.offers.Proposals {
			if offer, offers := proposal.Offers[name]; offers && proposal.Vendor == leg.Vendor && slices.Contains(p.offers.Change.Classes, name) {
				return offer, leg.Vendor
			}
		}
	}
	bound := p.standing.Descriptor.Resources[name]
	return sla.Offer{Unit: bound.Price, Resizes: true}, bound.Vendor
}

// total is what everything costs before and after.
func (p changePlan) total(changes []classChange) (before, after quantity.Rate) {
	add := func(sum *quantity.Rate, price quantity.Rate) {
		if more, err := sum.Add(price); err == nil {
			*sum = more
		}
	}
	changed := map[string]bool{}
	for _, change := range changes {
		changed[change.Class] = true
		add(&before, change.PriceBefore)
		add(&after, change.PriceAfter)
	}
	for name, bound := range p.standing.Descriptor.Resources {
		if price, err := bound.Price.Times(p.before(name)); err == nil && !changed[name] {
			add(&before, price)
			add(&after, price)
		}
	}
	return before, after
}

// showChanges shows what becomes of each class, and what everything costs then.
func (s *session) showChanges(document applyDocument) {
	for _, field := range document.Application {
		s.showField("~", "", field)
	}
	for _, change := range document.Changes {
		s.screen.Line("%s", s.screen.Prose(s.changeText(change), 4))
		for _, field := range change.Fields {
			s.screen.Line("%s", s.screen.Prose(fmt.Sprintf("      %s: %s -> %s", field.Path, valueText(field.Old), valueText(field.New)), 8))
		}
	}
	s.screen.Line("")
	s.screen.Line("%s", costText(document.PriceBefore, document.PriceAfter))
}

func (s *session) changeText(change classChange) string {
	head := fmt.Sprintf("%s (%s)", change.Class, change.Type)
	number := ""
	if change.Type.RunsMachines() {
		number = fmt.Sprintf("%d ", change.After)
	}
	price := priceText(change)
	switch change.Action {
	case actionAdd:
		return fmt.Sprintf("%s %s: %sadded at %s%s", s.screen.Paint(present.Good, "+"), head, number, change.Vendor, price)
	case actionRemove:
		return fmt.Sprintf("%s %s: removed at %s%s", s.screen.Paint(present.Bad, "-"), head, change.Vendor, price)
	case actionMove:
		return fmt.Sprintf("%s %s: moved from %s to %s, where %s made anew%s%s", s.screen.Paint(present.Watch, "±"), head, change.From,
			change.Vendor, itIs(change), lost(change), price)
	case actionReplace:
		because := ""
		if change.Because != "" {
			because = ", since it is " + change.Because
		}
		return fmt.Sprintf("%s %s: %s at %s%s%s%s", s.screen.Paint(present.Watch, "±"), head, replaced(change), change.Vendor, because,
			lost(change), price)
	case actionResize:
		return fmt.Sprintf("%s %s: resized in place at %s%s", s.screen.Paint(present.Watch, "~"), head, change.Vendor, price)
	}
	if change.Before != change.After {
		return fmt.Sprintf("%s %s: %d -> %d at %s%s", s.screen.Paint(present.Watch, "~"), head, change.Before, change.After, change.Vendor, price)
	}
	return fmt.Sprintf("%s %s: changed in place at %s%s", s.screen.Paint(present.Watch, "~"), head, change.Vendor, price)
}

func itIs(change classChange) string {
	if change.Before == 1 {
		return "it is"
	}
	return fmt.Sprintf("%d are", change.Before)
}

func replaced(change classChange) string {
	switch {
	case change.Before > 1 && change.Type.RunsMachines():
		return fmt.Sprintf("%d replaced one after another", change.Before)
	case change.Type.RunsMachines():
		return "replaced, and not there meanwhile,"
	}
	return "replaced"
}

func lost(change classChange) string {
	if change.Type == descriptors.Volume {
		return "; WHAT IS ON IT IS LOST"
	}
	return ""
}

func priceText(change classChange) string {
	before, after := present.PerHour(change.PriceBefore), present.PerHour(change.PriceAfter)
	switch {
	case change.Action == actionAdd:
		return ", " + after
	case change.Action == actionRemove:
		return ", " + before
	case before != after:
		return ", " + before + " -> " + after
	}
	return ""
}

func costText(before, after quantity.Rate) string {
	if before == after {
		return fmt.Sprintf("All of it costs %s (%s), as before.", present.PerHour(after), present.PerMonth(after))
	}
	return fmt.Sprintf("All of it costs %s then (%s), now %s (%s).", present.PerHour(after), present.PerMonth(after),
		present.PerHour(before), present.PerMonth(before))
}
