package ec2test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// target is an address and a port in a target group.
type target struct {
	address, port string
	// draining is for how many looks it is still shown.
	draining int
}

// eachTarget calls with every target of a request.
func eachTarget(asked parameters, do func(target)) {
	for number := 1; ; number++ {
		at := fmt.Sprintf("Targets.member.%d.", number)
		if asked.text(at+"Id") == "" {
			return
		}
		do(target{address: asked.text(at + "Id"), port: asked.text(at + "Port")})
	}
}

func registerTargets(a *Account, asked parameters) (any, error) {
	group := a.named(targetGroupIDs, asked.text("TargetGroupArn"))
	if group == nil {
		return nil, failed("TargetGroupNotFound", "One or more target groups not found")
	}
	var fault error
	eachTarget(asked, func(one target) {
		address, err := netip.ParseAddr(one.address)
		if err != nil || !address.IsPrivate() {
			fault = failed("ValidationError", "The IP address '%s' is not within a range that is allowed", one.address)
			return
		}
		group.targets = slices.DeleteFunc(group.targets, func(other target) bool { return other.address == one.address && other.port == one.port })
		group.targets = append(group.targets, one)
	})
	return nothing{}, fault
}

func deregisterTargets(a *Account, asked parameters) (any, error) {
	group := a.named(targetGroupIDs, asked.text("TargetGroupArn"))
	if group == nil {
		return nil, failed("TargetGroupNotFound", "One or more target groups not found")
	}
	eachTarget(asked, func(one target) {
		for index, other := range group.targets {
			if other.address == one.address && other.port == one.port {
				group.targets[index].draining = a.Slow + 1
			}
		}
	})
	return nothing{}, nil
}

func describeTargets(a *Account, asked parameters) (any, error) {
	group := a.named(targetGroupIDs, asked.text("TargetGroupArn"))
	if group == nil {
		return nil, failed("TargetGroupNotFound", "One or more target groups not found")
	}
	type item struct {
		Address string `xml:"Target>Id"`
		Port    string `xml:"Target>Port"`
		State   string `xml:"TargetHealth>State"`
	}
	var items []item
	for index := range group.targets {
		one := &group.targets[index]
		state := "healthy"
		if one.draining > 0 {
			one.draining--
			state = "draining"
		}
		if a.sick(*one) {
			state = "unhealthy"
		}
		items = append(items, item{one.address, one.port, state})
		if state == "draining" && one.draining == 0 {
			one.address = ""
		}
	}
	group.targets = slices.DeleteFunc(group.targets, func(one target) bool { return one.address == "" })
	return struct {
		Targets []item `xml:"TargetHealthDescriptions>member"`
	}{items}, nil
}

func (a *Account) sick(one target) bool { return slices.Contains(a.Sick, one.address) }

// Forward is where the balancer of a name would send the next connection to a port: each of its healthy targets in turn.
func (a *Account) Forward(name string, port int) (string, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, listener := range a.things {
		if !strings.HasPrefix(listener.id, listenerIDs) || listener.size != port {
			continue
		}
		balancer, group := a.named(balancerIDs, listener.holder), a.named(targetGroupIDs, listener.source)
		if balancer == nil || balancer.dns() != name || balancer.state != "active" {
			continue
		}
		var ready []target
		for _, one := range group.targets {
			if one.draining == 0 && !a.sick(one) {
				ready = append(ready, one)
			}
		}
		if len(ready) == 0 {
			return "", fmt.Errorf("balancer %s has no healthy target", name)
		}
		balancer.size++
		one := ready[balancer.size%len(ready)]
		return one.address + ":" + one.port, nil
	}
	return "", fmt.Errorf("nothing listens on port %d of %s", port, name)
}
