package ec2test

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// thing is whatever exists: an instance, a volume, a subnet, a snapshot, an image or a group.
type thing struct {
	id, state, next string
	// steps are how many listings it takes until the state is the next.
	steps int
	// late is how many listings do not show it.
	late    int
	tags    map[string]string
	created time.Time
	asked   parameters

	image, flavor, zone string
	console             string
	size                int
	address             netip.Addr
	subnets             []string
	subnetAddresses     []netip.Addr
	// groups that an instance is in; a group lets in what its rules say.
	groups []string
	letsIn []permission
	// targets of a target group.
	targets []target
	// holder of a volume, and its device.
	holder, device string
	block          netip.Prefix
	source, name   string
}

// add makes a thing.
func (a *Account) add(prefix, state, next string, asked parameters) *thing {
	a.serial++
	added := &thing{
		id: fmt.Sprintf("%s%017x", prefix, a.serial), state: state, next: next, steps: a.Slow, late: a.Late,
		tags: asked.tags("TagSpecification.1."), created: time.Now().UTC().Truncate(time.Millisecond), asked: asked,
	}
	if a.Plain {
		added.tags = map[string]string{}
	}
	a.things = append(a.things, added)
	return added
}

// find finds what exists and is shown. The code is that of the error.
func (a *Account) find(id, code string) (*thing, error) {
	for _, one := range a.things {
		if one.id == id && one.late == 0 {
			return one, nil
		}
	}
	return nil, failed(code, "The ID '%s' does not exist", id)
}

func (a *Account) drop(gone *thing) {
	a.things = slices.DeleteFunc(a.things, func(one *thing) bool { return one == gone })
}

// pass lets a moment pass for a thing: what takes time comes nearer.
func (a *Account) pass(one *thing) {
	one.late = max(0, one.late-1)
	if one.next == "" {
		return
	}
	if one.steps > 0 {
		one.steps--
		return
	}
	one.state, one.next = one.next, ""
	if one.state == "running" && a.Boot != nil {
		one.console += a.Boot(userData(one))
	}
	if one.state == "terminated" {
		for _, volume := range a.things {
			if volume.holder == one.id {
				volume.holder = ""
				if volume.kind() == "vol-" {
					volume.state = "available"
				}
			}
		}
	}
}

func (a *Account) move(one *thing, state, next string) {
	one.state, one.next, one.steps = state, next, a.Slow
}

// list finds the things of a kind that a listing asks for, a page of them, and where the next begins.
func (a *Account) list(prefix, idName, code string, asked parameters) ([]*thing, string, error) {
	var all []*thing
	for _, one := range slices.Clone(a.things) {
		if len(one.id) > len(prefix) && one.id[:len(prefix)] == prefix {
			a.pass(one)
			all = append(all, one)
		}
	}
	ids := asked.list(idName)
	for _, id := range ids {
		if _, err := a.find(id, code); err != nil {
			return nil, "", err
		}
	}
	filters := asked.filters()
	all = slices.DeleteFunc(all, func(one *thing) bool {
		return one.late > 0 || len(ids) > 0 && !slices.Contains(ids, one.id) || !one.passes(filters)
	})
	if len(ids) > 0 {
		return all, "", nil
	}
	sort.Slice(all, func(i, j int) bool { return all[i].id < all[j].id })
	from := 0
	if token := asked.text("NextToken"); token != "" {
		var err error
		if from, err = strconv.Atoi(token); err != nil || from > len(all) {
			return nil, "", failed("InvalidParameterValue", "no such page")
		}
	}
	to := len(all)
	if a.Page > 0 && to-from > a.Page {
		to = from + a.Page
		return all[from:to], strconv.Itoa(to), nil
	}
	return all[from:to], "", nil
}

func (t *thing) passes(filters map[string][]string) bool {
	for name, values := range filters {
		value := t.state
		switch name {
		case "vpc-id":
			value = "vpc-1"
		case "ip-address":
			value = t.address.String()
		case "group-name":
			value = t.name
		}
		if len(name) > 4 && name[:4] == "tag:" {
			value = t.tags[name[4:]]
		}
		if !slices.Contains(values, value) {
			return false
		}
	}
	return true
}

// again finds what an earlier call with the same token made. One with other parameters is an error.
func (a *Account) again(asked parameters) (*thing, error) {
	token := asked.text("ClientToken")
	earlier := a.tokens[asked.text("Action")+token]
	if token == "" || earlier == nil {
		return nil, nil
	}
	if !earlier.asked.same(asked) {
		return nil, failed("IdempotentParameterMismatch", "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)")
	}
	return earlier, nil
}

// same says whether a call asks for what an earlier one did.
func (p parameters) same(asked parameters) bool {
	for name, values := range p {
		if !slices.Equal(values, asked[name]) {
			return false
		}
	}
	return true
}

func (a *Account) keep(asked parameters, made *thing) {
	if token := asked.text("ClientToken"); token != "" {
		a.tokens[asked.text("Action")+token] = made
	}
}

// kind is how the ids of its kind begin.
func (t *thing) kind() string { return t.id[:strings.Index(t.id, "-")+1] }
