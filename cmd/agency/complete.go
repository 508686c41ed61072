package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/proto"
)

// completeVerb is what the scripts of completion call.
type completeVerb struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words after the program's name, the last of them as far as it is typed."`
}

// Run prints what may stand in the place of the last word, a line each. What cannot be known is left out: whoever types
// does not want to hear of it.
func (v completeVerb) Run(ctx context.Context, s *session) error {
	words := v.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	words = withoutEquals(words)
	model, err := kong.New(&verbs{}, kong.Name("agency"))
	if err != nil {
		return err
	}
	place := locate(model.Model.Node, words[:len(words)-1])
	last := words[len(words)-1]
	candidates, prefix := place.candidates(last)
	if place.names != "" {
		candidates = append(candidates, s.namesFor(ctx, place)...)
	}
	slices.Sort(candidates)
	for _, candidate := range slices.Compact(candidates) {
		if strings.HasPrefix(prefix+candidate, last) {
			s.screen.Line("%s", prefix+candidate)
		}
	}
	return nil
}

// withoutEquals takes out the equals signs that bash makes words of, and makes sure that there is a last word.
func withoutEquals(words []string) []string {
	kept := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == "=" })
	if len(words) == 0 || words[len(words)-1] == "=" {
		kept = append(kept, "")
	}
	return kept
}

// nameKind is a kind of names that the running agency knows.
type nameKind string

const (
	namesOfDeployments nameKind = "deployments"
	namesOfVendors     nameKind = "vendors"
	namesOfAgents      nameKind = "agents"
	namesOfClasses     nameKind = "classes"
	namesOfCopies      nameKind = "copies"
	namesOfSources     nameKind = "sources"
	namesOfMachines    nameKind = "machines"
	namesOfGroups      nameKind = "machines and classes"
	namesOfVolumes     nameKind = "volumes"
)

// cursor is where in the command line the last word stands.
type cursor struct {
	node *kong.Node
	// flag that the last word is the value of.
	flag *kong.Flag
	// positional argument that the last word is.
	positional *kong.Value
	// given are the positional arguments before it.
	given []string
	// undo says that apply was told to go back, which takes a name.
	undo  bool
	names nameKind
	// target is where the agency is, as far as the words before say so.
	target target
}

// locate walks the words before the last.
func locate(root *kong.Node, words []string) *cursor {
	place := &cursor{node: root}
	for i := 0; i < len(words); i++ {
		word := words[i]
		if !strings.HasPrefix(word, "-") || word == "-" {
			place.step(word)
			continue
		}
		name, value, inline := strings.Cut(strings.TrimLeft(word, "-"), "=")
		flag := place.findFlag(name)
		if flag == nil || flag.IsBool() || inline {
			place.take(flag, value)
			continue
		}
		if i+1 == len(words) {
			place.flag = flag
			break
		}
		i++
		place.take(flag, words[i])
	}
	if place.flag == nil && len(place.given) < len(place.node.Positional) {
		place.positional = place.node.Positional[len(place.given)]
	}
	place.names = place.kindOfNames()
	return place
}

// step goes down to a verb or takes an argument.
func (c *cursor) step(word string) {
	for _, child := range c.node.Children {
		if child.Name == word {
			c.node = child
			return
		}
	}
	c.given = append(c.given, word)
}

func (c *cursor) findFlag(name string) *kong.Flag {
	for _, group := range c.node.AllFlags(false) {
		for _, flag := range group {
			if flag.Name == name || len(name) == 1 && string(flag.Short) == name {
				return flag
			}
		}
	}
	return nil
}

// take keeps what says which agency is meant.
func (c *cursor) take(flag *kong.Flag, value string) {
	if flag == nil {
		return
	}
	switch flag.Name {
	case "nats":
		c.target.NATS = value
	case "credentials":
		c.target.Credentials = value
	case "connection":
		c.target.Connection = value
	case "undo":
		c.undo = true
	}
}

// candidates are what the program itself knows, and what stands before each of them in the same word.
func (c *cursor) candidates(last string) (candidates []string, prefix string) {
	if c.flag != nil {
		return choices(c.flag.Value), ""
	}
	if name, _, inline := strings.Cut(last, "="); inline && strings.HasPrefix(last, "-") {
		if flag := c.findFlag(strings.TrimLeft(name, "-")); flag != nil {
			c.flag, c.positional = flag, nil
			c.names = c.kindOfNames()
			return choices(flag.Value), name + "="
		}
	}
	if strings.HasPrefix(last, "-") {
		c.names = ""
		for _, group := range c.node.AllFlags(true) {
			for _, flag := range group {
				candidates = append(candidates, "--"+flag.Name)
			}
		}
		return candidates, ""
	}
	for _, child := range c.node.Children {
		if !child.Hidden {
			candidates = append(candidates, child.Name)
		}
	}
	if c.positional != nil {
		candidates = append(candidates, choices(c.positional)...)
	}
	return candidates, ""
}

func choices(value *kong.Value) []string {
	return slices.DeleteFunc(strings.Split(value.Enum, ","), func(choice string) bool { return choice == "" })
}

// kindOfNames says which names of the running agency go in the place, by what the argument or the flag is called.
func (c *cursor) kindOfNames() nameKind {
	switch {
	case c.flag != nil && c.flag.Name == "vendor":
		return namesOfVendors
	case c.flag != nil || c.positional == nil || c.node.Name == "enrol":
		return ""
	case c.node.Name == "vendor" || c.positional.Name == "vendor":
		return namesOfVendors
	}
	if c.positional.Name == "file-or-name" && !c.undo {
		return "" // files are offered
	}
	switch c.positional.Name {
	case "file-or-name", "name", "name-or-operation", "name-or-file":
		return namesOfDeployments
	case "agent":
		return namesOfAgents
	case "class", "class=count":
		return namesOfClasses
	case "snapshot":
		return namesOfCopies
	case "source":
		return namesOfSources
	case "machine":
		if slices.Contains([]string{"start", "stop", "reboot"}, c.node.Name) {
			return namesOfGroups
		}
		return namesOfMachines
	case "volume":
		return namesOfVolumes
	}
	return ""
}

// completeWithin is as long as a person waits for a completion.
const completeWithin = time.Second

// namesFor asks the running agency, if there is one.
func (s *session) namesFor(ctx context.Context, place *cursor) []string {
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	agency, closeAgency, err := s.connect(ctx, place.target)
	if err != nil {
		return nil
	}
	defer closeAgency()
	switch place.names {
	case namesOfVendors:
		return vendorNames(ctx, agency)
	case namesOfAgents:
		return append(vendorNames(ctx, agency),
			string(proto.RoleBroker), string(proto.RoleDeployer), string(proto.RoleMonitor))
	case namesOfClasses:
		return classNames(ctx, agency, place.given)
	case namesOfCopies:
		return copyNames(ctx, agency)
	case namesOfSources, namesOfMachines, namesOfGroups, namesOfVolumes:
		return resourceNames(ctx, agency, place)
	}
	return applicationNames(ctx, agency)
}

func vendorNames(ctx context.Context, agency *client.Client) []string {
	vendors, err := agency.Vendors(ctx)
	if err != nil {
		return nil
	}
	names := make([]string, len(vendors))
	for i, vendor := range vendors {
		names[i] = vendor.Name
	}
	return names
}

func applicationNames(ctx context.Context, agency *client.Client) []string {
	rows, err := callRows(ctx, agency)
	if err != nil {
		return nil
	}
	var names []string
	for _, row := range rows {
		if !row.ended {
			names = append(names, row.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// classNames are the classes of the deployment that was named before, each with what separates it from a count.
func classNames(ctx context.Context, agency *client.Client, given []string) []string {
	if len(given) == 0 {
		return nil
	}
	descriptor, err := agency.Descriptor(ctx, given[0])
	if err != nil {
		return nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(descriptor.Resources)) {
		if descriptor.Resources[name].Type.RunsMachines() {
			names = append(names, name+"=")
		}
	}
	return names
}
