package deployer

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

// creation is the command that creates an instance, with everything it refers to resolved.
func (a *Agent) creation(target *deployment, one *instance) (proto.ResourceCommand, error) {
	target.mutex.Lock()
	defer target.mutex.Unlock()
	name := one.Ref.Class
	classes := target.record.Descriptor.Classes()
	class, err := target.resolved(name, classes)
	if err != nil {
		return proto.ResourceCommand{}, fmt.Errorf("%s: %w", one.Status.Name, err)
	}
	content := proto.ResourceCommand{
		Verb: proto.VerbCreate, Class: &class, Upload: target.record.Descriptor.Resources[name].Upload,
	}
	for _, network := range descriptors.Networks(classes, name) {
		if latest := target.latest(network, 1); latest != nil {
			content.Networks = append(content.Networks, latest.Ref)
		}
	}
	for _, volume := range slices.Sorted(maps.Keys(class.Volumes)) {
		if latest := target.latest(volume, one.Ref.Index); latest != nil {
			content.Volumes = append(content.Volumes, proto.MountRef{Volume: latest.Ref, Mount: class.Volumes[volume]})
		}
	}
	if class.Type == descriptors.LoadBalancer {
		content.Targets, err = target.targets(name, class, classes)
	}
	return content, err
}

// resolved is a class with what its references stand for.
func (d *deployment) resolved(name string, classes map[string]descriptors.Class) (descriptors.Class, error) {
	class := classes[name]
	lookup := func(reference descriptors.Reference) (string, error) { return d.lookup(name, reference, classes) }
	var err error
	class.Run = slices.Clone(class.Run)
	for i, command := range class.Run {
		if class.Run[i], err = descriptors.Resolve(command, lookup); err != nil {
			return class, err
		}
	}
	class.Environment = maps.Clone(class.Environment)
	for key, value := range class.Environment {
		if class.Environment[key], err = descriptors.Resolve(value, lookup); err != nil {
			return class, err
		}
	}
	class.UserData, err = descriptors.Resolve(class.UserData, lookup)
	return class, err
}

// lookup is what a reference stands for now, as seen from a class.
func (d *deployment) lookup(
	from string, reference descriptors.Reference, classes map[string]descriptors.Class,
) (string, error) {
	class := classes[reference.Class]
	running := d.runningOf(reference.Class)
	if len(running) == 0 {
		return "", fmt.Errorf("%s does not run", reference.Class)
	}
	switch reference.Attribute {
	case descriptors.AttributePort:
		return strconv.Itoa(class.Listen), nil
	case descriptors.AttributeSize:
		return class.Size.String(), nil
	case descriptors.AttributeName:
		return running[0].Status.Name, nil
	case descriptors.AttributeRange:
		if len(running[0].Status.Addresses) == 0 {
			return "", fmt.Errorf("%s has no range of addresses", reference.Class)
		}
		return running[0].Status.Addresses[0].Address, nil
	case descriptors.AttributeAddress:
		return d.addressOf(from, running[0], classes)
	case descriptors.AttributeAddresses:
		addresses := make([]string, 0, len(running))
		for _, one := range running {
			address, err := d.addressOf(from, one, classes)
			if err != nil {
				return "", err
			}
			addresses = append(addresses, address)
		}
		return strings.Join(addresses, ","), nil
	}
	return "", fmt.Errorf("%s has no %q", reference.Class, reference.Attribute)
}

// addressOf is where a class reaches an instance: on a network that both are on, else at a public address.
func (d *deployment) addressOf(from string, one *instance, classes map[string]descriptors.Class) (string, error) {
	shared := map[string]bool{}
	other := descriptors.Networks(classes, one.Ref.Class)
	for _, network := range descriptors.Networks(classes, from) {
		if latest := d.latest(network, 1); latest != nil && slices.Contains(other, network) {
			shared[latest.Status.ID] = true
		}
	}
	for _, address := range one.Status.Addresses {
		if address.Network != "" && shared[address.Network] {
			return address.Address, nil
		}
	}
	for _, address := range one.Status.Addresses {
		if address.Public {
			return address.Address, nil
		}
	}
	return "", fmt.Errorf("%s has no address that %s can reach: put both on one network", one.Status.Name, from)
}

// targets are the running machines behind a balancer.
func (d *deployment) targets(
	balancer string, class descriptors.Class, classes map[string]descriptors.Class, without ...*instance,
) ([]vendormodules.Target, error) {
	targets := []vendormodules.Target{}
	for _, one := range d.runningOf(class.Targets) {
		if slices.Contains(without, one) {
			continue
		}
		address, err := d.addressOf(balancer, one, classes)
		if err != nil {
			return nil, err
		}
		targets = append(targets, vendormodules.Target{Name: one.Status.Name, Address: address, Port: class.TargetPort})
	}
	return targets, nil
}
