package descriptors

import (
	"fmt"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// minCheckInterval is the shortest time between two checks of a target.
const minCheckInterval = quantity.Duration(100 * time.Millisecond)

// typesOf says which types of resource have a field; those that every type has are not listed.
func typesOf(field string) []ResourceType {
	switch field {
	case "image", "count", "cores", "memory", "architecture", "files", "environment":
		return []ResourceType{Compute, Cluster, MapReduce}
	case "run", "ports", "allow", "user-data", "keys", "volumes":
		return []ResourceType{Compute, Cluster}
	case "networks":
		return []ResourceType{Compute, Cluster, LoadBalancer, MapReduce}
	case "size", "snapshot":
		return []ResourceType{Volume}
	case "private", "span", "members", "range", "rules":
		return []ResourceType{Network}
	case "targets", "listen", "target-port", "protocol", "check":
		return []ResourceType{LoadBalancer}
	case "input", "mapper", "combiner", "reducer", "reducers", "split", "attempts":
		return []ResourceType{MapReduce}
	}
	return []ResourceType{Compute, Volume, Network, LoadBalancer, Cluster, MapReduce}
}

// Fields are the names of the fields that a class of this type may have, in the order in which they are written.
func (t ResourceType) Fields() []string {
	return slices.DeleteFunc(slices.Clone(fieldsOfClass().names), func(field string) bool {
		return !slices.Contains(typesOf(field), t)
	})
}

// class judges one class by itself and by the classes it names. A class of no known type is not judged further: which
// fields it should have follows from its type.
func (j *judge) class(at, name string) {
	class := j.classes[name]
	j.structure(at, j.given[name]) // a default that follows from a fault is not another
	if len(class.Type.Attributes()) == 0 {
		return
	}
	j.fieldsOfType(at, j.given[name])
	j.zeroes(at, j.given[name])
	switch class.Type {
	case Compute, Cluster:
		j.machine(at, name, class)
	case Volume:
		j.volume(at, class)
	case Network:
		j.network(at, name, class)
	case LoadBalancer:
		j.balancer(at, class)
	case MapReduce:
		j.mapReduce(at, name, class)
	}
	j.names(at+".networks", class.Networks, Network)
	j.place(at+".place", name, class)
}

// fieldsOfType refuses the fields of other types.
func (j *judge) fieldsOfType(at string, class Class) {
	for name, value := range classFields(class) {
		field, types := fieldPath(at, name), typesOf(name)
		if slices.Contains(types, class.Type) || value.IsZero() && !j.positions.Has(field) {
			continue
		}
		j.keyFault(field, field, "a %s has no %s; it belongs to %s", class.Type, name, joinTypes(types))
	}
}

// zeroes refuses amounts of nothing. Left out they would be the default, which nobody who writes 0 means.
func (j *judge) zeroes(at string, class Class) {
	values := classFields(class)
	amounts := map[string]reflect.Value{
		"check.every":   reflect.ValueOf(class.Check.Every),
		"check.timeout": reflect.ValueOf(class.Check.Timeout),
	}
	for _, name := range []string{"count", "cores", "memory", "size", "listen", "target-port", "reducers", "split", "attempts"} {
		amounts[name] = values[name]
	}
	for name, amount := range amounts {
		if field := at + "." + name; amount.IsZero() && j.positions.Has(field) {
			j.fault(field, "not above 0")
			j.spoiled[field] = true
		}
	}
}

// fieldsOfClass are looked up once: every class is judged by them.
var fieldsOfClass = sync.OnceValue(func() fields { return fieldsOf(reflect.TypeFor[Class]()) })

func classFields(class Class) map[string]reflect.Value {
	value, fields := reflect.ValueOf(class), fieldsOfClass()
	values := make(map[string]reflect.Value, len(fields.index))
	for name, index := range fields.index {
		values[name] = value.FieldByIndex(index)
	}
	return values
}

func joinTypes(types []ResourceType) string {
	words := make([]string, len(types))
	for i, kind := range types {
		words[i] = string(kind)
	}
	if last := len(words) - 1; last > 0 {
		return strings.Join(words[:last], ", ") + " and " + words[last]
	}
	return words[0]
}

func (j *judge) require(at string, present bool, reason string) {
	if !present {
		j.fault(at, "missing; %s", reason)
	}
}

func (j *judge) machine(at, name string, class Class) {
	j.require(at+".image", class.Image != "", fmt.Sprintf("a %s runs an image", class.Type))
	j.files(at+".files", class.Files)
	for i, command := range class.Run {
		if strings.TrimSpace(command) == "" {
			j.fault(elementPath(at+".run", i), "no command")
		}
	}
	j.environment(at+".environment", class.Environment)
	j.ports(at, class)
	j.keys(at+".keys", class.Keys)
	j.mounts(at+".volumes", name, class.Volumes)
	j.references(at, class)
}

func (j *judge) environment(at string, environment map[string]string) {
	for variable := range environment {
		if !variablePattern.MatchString(variable) {
			field := fieldPath(at, variable)
			j.keyFault(field, at, "%q is not a variable; write letters, digits and underscores", variable)
		}
	}
}

var variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// files judges what is uploaded: from beside the descriptor, to absolute paths.
func (j *judge) files(at string, files map[string]string) {
	targets := make(map[string]string, len(files))
	for _, source := range sortedKeys(files) {
		target, entry := files[source], fieldPath(at, source)
		if !isBeside(source) {
			j.keyFault(entry, at, "%q is not beside the descriptor; write a relative path without ..", source)
		}
		if !isAbsolute(target) {
			j.faultAt(entry, at, "%q is not an absolute path without ..", target)
			continue
		}
		directory := strings.HasSuffix(source, "/")
		if other, taken := targets[path.Clean(target)]; taken && !directory {
			j.faultAt(entry, at, "%q and %q both go to %q", other, source, target)
		} else if !directory {
			targets[path.Clean(target)] = source
		}
	}
}

// isBeside says whether a path leads to something beside the descriptor, or below that.
func isBeside(source string) bool {
	clean := path.Clean(source)
	return source != "" && !path.IsAbs(source) && clean != ".." && !strings.HasPrefix(clean, "../")
}

// isAbsolute says whether a path on a machine is absolute and does not turn back.
func isAbsolute(text string) bool {
	return path.IsAbs(text) && !slices.Contains(strings.Split(text, "/"), "..")
}

func (j *judge) ports(at string, class Class) {
	for i, port := range class.Ports {
		if slices.Contains(class.Ports[:i], port) {
			j.faultAt(elementPath(at+".ports", i), at+".ports", "%d is there twice", port)
		}
	}
	for _, port := range sortedKeys(class.Allow) {
		entry, callers := fieldPath(at+".allow", fmt.Sprint(port)), class.Allow[port]
		switch {
		case port < 1 || port > 65535:
			j.keyFault(entry, at+".allow", "%d is not a port; ports go from 1 to 65535", port)
		case slices.Contains(class.Ports, port):
			j.keyFault(entry, at+".allow", "%d is among the ports, which are open to all", port)
		case len(callers) == 0:
			j.fault(entry, "names nobody")
		}
		j.names(entry, callers, memberTypes...)
	}
}

// mounts judges where a class's volumes are attached.
func (j *judge) mounts(at, name string, volumes map[string]string) {
	mounted := make(map[string]string, len(volumes))
	for _, volume := range sortedKeys(volumes) {
		mount, entry := volumes[volume], fieldPath(at, volume)
		j.named(reporter{j.keyFault, entry, at}, volume, Volume)
		clean := path.Clean(mount)
		switch other, taken := mounted[clean]; {
		case !isAbsolute(mount) || clean == "/":
			j.faultAt(entry, at, "%q is not an absolute path of a directory", mount)
		case taken:
			j.faultAt(entry, at, "%q and %q are both mounted at %q", other, volume, clean)
		default:
			mounted[clean] = volume
		}
		if user, _ := VolumeUser(j.classes, volume); user != name && j.classes[volume].Type == Volume {
			j.keyFault(entry, at, "%q is attached to %q already; one class has a volume for itself", volume, user)
		}
	}
}

func (j *judge) volume(at string, class Class) {
	j.require(at+".size", class.Size > 0, "a volume has a size")
}

func (j *judge) balancer(at string, class Class) {
	j.require(at+".targets", class.Targets != "", "a load-balancer has targets")
	j.require(at+".listen", class.Listen != 0, "a load-balancer listens on a port")
	if class.Targets != "" {
		j.named(reporter{j.faultAt, at + ".targets", at + ".targets"}, class.Targets, Compute, Cluster)
	}
	if class.Check.Every < minCheckInterval {
		j.fault(at+".check.every", "%s is too often; at least %s", class.Check.Every, minCheckInterval)
	}
	if check := class.Check.Path; check != "" && !strings.HasPrefix(check, "/") {
		j.fault(at+".check.path", "%q does not begin with a slash", check)
	}
}
