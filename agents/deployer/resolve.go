package deployer

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// creation is the command that creates an instance, with everything it refers to resolved, and the instances that it
// refers to.
func (d *deployment) creation(ref proto.ResourceRef) (proto.ResourceCommand, []proto.ResourceRef, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	from := &viewpoint{deployment: d, class: ref.Class, classes: d.record.Descriptor.Classes()}
	class, err := from.resolved()
	if err != nil {
		return proto.ResourceCommand{}, nil, fmt.Errorf("%s: %w", ref.Class, err)
	}
	content := proto.ResourceCommand{
		Verb: proto.VerbCreate, Class: &class, Upload: d.record.Descriptor.Resources[ref.Class].Upload,
	}
	for _, network := range descriptors.Networks(from.classes, ref.Class) {
		if latest := d.latest(network, 1); latest != nil {
			content.Networks = append(content.Networks, latest.Ref)
			from.uses = append(from.uses, latest.Ref)
		}
	}
	content.Volumes = d.mounts(class, ref)
	for _, mount := range content.Volumes {
		from.uses = append(from.uses, mount.Volume)
	}
	content.Rules = rulesOf(from.classes, ref.Class)
	if class.Type == descriptors.LoadBalancer {
		content.Targets, err = from.targets()
	}
	return content, from.uses, err
}

// viewpoint is a class that others are seen from. Whoever uses it holds the deployment's mutex.
type viewpoint struct {
	deployment *deployment
	class      string
	classes    map[string]descriptors.Class
	// uses are the instances that references were resolved with.
	uses []proto.ResourceRef
}

// resolved is the class with what its references stand for.
func (v *viewpoint) resolved() (descriptors.Class, error) {
	class := v.classes[v.class]
	var err error
	class.Run = slices.Clone(class.Run)
	for i, command := range class.Run {
		if class.Run[i], err = descriptors.Resolve(command, v.lookup); err != nil {
			return class, err
		}
	}
	class.Environment = maps.Clone(class.Environment)
	for key, value := range class.Environment {
		if class.Environment[key], err = descriptors.Resolve(value, v.lookup); err != nil {
			return class, err
		}
	}
	class.UserData, err = descriptors.Resolve(class.UserData, v.lookup)
	return class, err
}

// lookup is what a reference stands for now.
func (v *viewpoint) lookup(reference descriptors.Reference) (string, error) {
	class := v.classes[reference.Class]
	if reference.Attribute == descriptors.AttributeToken { // which it has before it runs
		return v.token(reference.Class)
	}
	running := v.deployment.runningOf(reference.Class)
	if len(running) == 0 {
		return "", fmt.Errorf("%s does not run", reference.Class)
	}
	first := running[0]
	switch reference.Attribute {
	case descriptors.AttributePort:
		return strconv.Itoa(class.Listen), nil
	case descriptors.AttributeSize:
		return class.Size.String(), nil
	case descriptors.AttributeName:
		return first.Status.Name, nil
	case descriptors.AttributeRange:
		v.uses = append(v.uses, first.Ref)
		if len(first.Status.Addresses) == 0 {
			return "", fmt.Errorf("%s does not say what its range of addresses is", reference.Class)
		}
		return first.Status.Addresses[0].Address, nil
	case descriptors.AttributeAddress:
		v.uses = append(v.uses, first.Ref)
		return v.addressOf(first)
	case descriptors.AttributeAddresses:
		addresses := make([]string, len(running))
		for i, one := range running {
			var err error
			if addresses[i], err = v.addressOf(one); err != nil {
				return "", err
			}
			v.uses = append(v.uses, one.Ref)
		}
		return strings.Join(addresses, ","), nil
	}
	return "", fmt.Errorf("%s has no %q", reference.Class, reference.Attribute)
}

// token is a class's secret.
func (v *viewpoint) token(class string) (string, error) {
	record := &v.deployment.record
	if record.Secret == "" { // written down before there were any
		return "", fmt.Errorf("%s has none: it was deployed by an older version; remove and deploy it again", class)
	}
	return record.token(class), nil
}

// addressOf is where the class reaches an instance: on a network that both are on, else at a public address.
func (v *viewpoint) addressOf(one *instance) (string, error) {
	shared := map[string]bool{}
	other := descriptors.Networks(v.classes, one.Ref.Class)
	for _, network := range descriptors.Networks(v.classes, v.class) {
		latest := v.deployment.latest(network, 1)
		if latest != nil && slices.Contains(other, network) && latest.Status.Vendor == one.Status.Vendor {
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
	return "", sla.Refusal{
		Code:    sla.RefusedPlacement,
		Message: fmt.Sprintf("%s has no address that %s can reach", one.Status.Name, v.class),
		Hint:    fmt.Sprintf("put %s and %s on one network", one.Ref.Class, v.class),
	}
}

// targets are the running machines behind the class, a balancer.
func (v *viewpoint) targets() ([]vendormodules.Target, error) {
	balancer := v.classes[v.class]
	targets := []vendormodules.Target{}
	for _, one := range v.deployment.runningOf(balancer.Targets) {
		address, err := v.addressOf(one)
		if err != nil {
			return nil, err
		}
		targets = append(targets, vendormodules.Target{Name: one.Status.Name, Address: address, Port: balancer.TargetPort})
	}
	return targets, nil
}
