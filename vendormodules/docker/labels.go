package docker

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// The labels by which an engine keeps what a resource is, and whose. They cannot be changed.
const (
	labelAgency     = "agency.id"
	labelDeployment = "agency.deployment"
	labelClass      = "agency.class"
	labelAgreement  = "agency.agreement"
	labelKey        = "agency.key"
	labelName       = "agency.name"
	labelType       = "agency.type"
	// labelAddresses are a machine's fixed addresses, as JSON.
	labelAddresses = "agency.addresses"
	// labelCores, labelMemory and labelSize are what was asked for, in cores and bytes.
	labelCores, labelMemory, labelSize = "agency.cores", "agency.memory", "agency.size"
	// labelPrivate marks a network that carries its members alone.
	labelPrivate = "agency.private"
	// labelRuns says what a machine runs: by our script, or what its image runs by itself.
	labelRuns = "agency.runs"
	// labelApart marks a machine that was wanted apart from others of its class and could not be.
	labelApart = "agency.not-apart"
)

// The values of labelRuns.
const (
	runsCommands = "commands"
	runsImage    = "image"
)

// id is a resource's id and its name at the engine: of a container, volume or network, and of an image its tag.
func id(kind descriptors.ResourceType, key string) string {
	return "agency-" + string(kind) + "-" + key
}

var validKey = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// parseID is the type and the key of an id; ErrNotFound where it is none of ours.
func parseID(text string) (descriptors.ResourceType, string, error) {
	for _, kind := range []descriptors.ResourceType{
		descriptors.Compute, descriptors.LoadBalancer, descriptors.Volume, descriptors.Snapshot, descriptors.Network,
		descriptors.Image,
	} {
		if key, found := strings.CutPrefix(text, id(kind, "")); found && validKey.MatchString(key) {
			return kind, key, nil
		}
	}
	return "", "", fmt.Errorf("%q: %w", text, vendormodules.ErrNotFound)
}

// labels are those of a resource.
func labels(kind descriptors.ResourceType, key, name string, tags vendormodules.Tags) map[string]string {
	return map[string]string{
		labelAgency: tags.Agency, labelDeployment: tags.Deployment, labelClass: tags.Class, labelAgreement: tags.Agreement,
		labelKey: key, labelName: name, labelType: string(kind),
	}
}

// labelled is what labels say of a resource.
func labelled(labels map[string]string) vendormodules.Resource {
	kind := descriptors.ResourceType(labels[labelType])
	return vendormodules.Resource{
		ID: id(kind, labels[labelKey]), Key: labels[labelKey], Name: labels[labelName], Type: kind,
		Tags: vendormodules.Tags{
			Agency: labels[labelAgency], Deployment: labels[labelDeployment], Class: labels[labelClass],
			Agreement: labels[labelAgreement],
		},
		State: vendormodules.ResourceRunning,
	}
}

// address is one fixed address of a machine.
type address struct {
	vendormodules.Address

	// Name of the network, for the machine's environment.
	Name string `json:"name"`
}

// addressesOf are a container's fixed addresses. A label that somebody else wrote says nothing.
func addressesOf(labels map[string]string) []address {
	var addresses []address
	if json.Unmarshal([]byte(labels[labelAddresses]), &addresses) != nil {
		return nil
	}
	return addresses
}

// usageOf is what a container was made with.
func usageOf(labels map[string]string) vendormodules.Usage {
	cores, _ := strconv.Atoi(labels[labelCores])                // written by us, else nothing
	memory, _ := strconv.ParseUint(labels[labelMemory], 10, 63) // written by us, else nothing
	return vendormodules.Usage{Instances: 1, Cores: cores, Memory: quantity.Bytes(memory)}
}
