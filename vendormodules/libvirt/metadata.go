package libvirt

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// What the element of ours in the metadata of domains and networks is called.
const (
	metadataURI    = "https://cloud-agency.github.io/libvirt/1"
	metadataPrefix = "agency"
)

// metadata is that element.
type metadata struct {
	XMLName    xml.Name                 `xml:"https://cloud-agency.github.io/libvirt/1 resource"`
	Key        string                   `xml:"key,attr"`
	Name       string                   `xml:"name,attr"`
	Type       descriptors.ResourceType `xml:"type,attr"`
	Agency     string                   `xml:"agency,attr"`
	Deployment string                   `xml:"deployment,attr"`
	Class      string                   `xml:"class,attr"`
	Agreement  string                   `xml:"agreement,attr"`
	Created    time.Time                `xml:"created,attr"`
	// Complete once everything is made of it, and a machine was started.
	Complete bool `xml:"complete,attr"`
	// Restarting while a machine that ran is off on its way to another size.
	Restarting bool `xml:"restarting,attr,omitempty"`
	// Warnings are what works otherwise than asked for.
	Warnings []string `xml:"warning"`
	// Rules say who is let in at a machine, where filters keep them.
	Rules []keptRule `xml:"rule"`
}

// keptRule is a vendormodules.Rule.
type keptRule struct {
	Protocol string       `xml:"protocol,attr,omitempty"`
	First    int          `xml:"first,attr,omitempty"`
	Last     int          `xml:"last,attr,omitempty"`
	Class    string       `xml:"class,attr,omitempty"`
	From     netip.Prefix `xml:"from,attr,omitempty"`
}

func (m metadata) rules() []vendormodules.Rule {
	var rules []vendormodules.Rule
	for _, one := range m.Rules {
		rules = append(rules, vendormodules.Rule(one))
	}
	return rules
}

func metadataOf(of label) metadata {
	return metadata{
		Key: of.Key, Name: of.Name, Type: of.Type, Agency: of.Tags.Agency, Deployment: of.Tags.Deployment,
		Class: of.Tags.Class, Agreement: of.Tags.Agreement, Created: of.Created,
	}
}

func (m metadata) label() label {
	return label{
		Key: m.Key, Name: m.Name, Type: m.Type, Created: m.Created,
		Tags: vendormodules.Tags{Agency: m.Agency, Deployment: m.Deployment, Class: m.Class, Agreement: m.Agreement},
	}
}

// encode is the element as a document may contain it.
func (m metadata) encode() (string, error) {
	encoded, err := xml.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("encode tags: %w", err)
	}
	return string(encoded), nil
}

// findMetadata finds our element among those of others; false if there is none.
func findMetadata(inner string) (metadata, bool) {
	var all struct {
		Resource *metadata `xml:"https://cloud-agency.github.io/libvirt/1 resource"`
	}
	if err := xml.Unmarshal([]byte("<metadata>"+inner+"</metadata>"), &all); err != nil || all.Resource == nil {
		return metadata{}, false
	}
	return *all.Resource, true
}

// errNotOurs says that something exists which bears no tags of ours.
var errNotOurs = errors.New("it bears no tags of the agency's")
