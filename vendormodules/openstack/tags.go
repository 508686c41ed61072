package openstack

import (
	"strings"

	"github.com/cloud-agency/agency/vendormodules"
)

// identity is what a thing at the cloud says of whose it is: in its metadata where it has any, else in one line of its
// description. Both are set as it is made.
type identity struct {
	Key, Name string
	Tags      vendormodules.Tags
	// On says what a port is on: member of a network of the agency's, public, or inner.
	On string
	// Copy says that a volume is there to keep what another held.
	Copy string
	// Range of a network's addresses.
	Range string
}

// kept is what a volume that is a copy says of itself.
const kept = "snapshot"

// What a port is on.
const (
	onMember = "member"
	onPublic = "public"
	onInner  = "inner"
)

// field is one of an identity's, with its name at the cloud.
type field struct {
	name  string
	value *string
}

func (i *identity) fields() []field {
	return []field{
		{"agency", &i.Tags.Agency}, {"agency-deployment", &i.Tags.Deployment}, {"agency-class", &i.Tags.Class},
		{"agency-agreement", &i.Tags.Agreement}, {"agency-name", &i.Name}, {"agency-key", &i.Key}, {"agency-on", &i.On},
		{"agency-copy", &i.Copy}, {"agency-range", &i.Range},
	}
}

func identityOf(request vendormodules.Request) identity {
	return identity{Key: request.Key, Name: request.Name, Tags: request.Tags}
}

// metadata is the identity as names and values.
func (i identity) metadata() map[string]string {
	values := map[string]string{}
	for _, one := range i.fields() {
		if *one.value != "" {
			values[one.name] = *one.value
		}
	}
	return values
}

// readMetadata reads the identity back. A thing that is nobody's has an empty one.
func readMetadata(values map[string]string) identity {
	var read identity
	for _, one := range read.fields() {
		*one.value = values[one.name]
	}
	return read
}

// describe is the identity as one line. It leaves out the key, which is the thing's name: a description has 255 bytes.
func (i identity) describe() string {
	i.Key = ""
	var line []string
	for _, one := range i.fields() {
		if *one.value != "" {
			line = append(line, strings.TrimPrefix(one.name, "agency-")+"="+strings.ReplaceAll(*one.value, " ", "_"))
		}
	}
	return strings.Join(line, " ")
}

// readDescription reads the identity of a thing from its name and description.
func readDescription(name, description string) identity {
	values := map[string]string{}
	for part := range strings.FieldsSeq(description) {
		if key, value, found := strings.Cut(part, "="); found {
			values[key] = value
		}
	}
	read := identity{}
	for _, one := range read.fields() {
		*one.value = values[strings.TrimPrefix(one.name, "agency-")]
	}
	if read.Key == "" {
		read.Key = name
	}
	return read
}

// describeKey is the line of a thing that has no name: whose it is, and by which key.
func (i identity) describeKey() string {
	return identity{Tags: vendormodules.Tags{Agency: i.Tags.Agency}}.describe() + " key=" + i.Key
}

// resource begins what is shown of a thing with this identity.
func (i identity) resource(id string) vendormodules.Resource {
	return vendormodules.Resource{ID: id, Key: i.Key, Name: i.Name, Tags: i.Tags}
}
