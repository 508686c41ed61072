package ptc

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// version of the module.
const version = "1"

// Describe implements vendormodules.Module.
func (m *Module) Describe() vendormodules.Description {
	return vendormodules.Description{
		Kind: kindName, Version: version, Region: m.configuration.Region, Country: m.configuration.Country,
		Types: slices.Clone(m.configuration.Types), Images: slices.Clone([]string(m.configuration.Images)), CreateToken: true,
		Public: map[descriptors.ResourceType][]sla.Public{
			descriptors.Compute: {sla.PublicAlone, sla.PublicOpen}, descriptors.LoadBalancer: {sla.PublicAlways},
		},
		Notes: []string{
			"no isolation: every address is on the loopback of one host, which all of its processes reach",
			"no rules: whatever is on this host reaches every port of every machine",
			"no range: addresses are of the loopback, whatever range a network asks for; a warning says which it has",
			"the size of a volume is not enforced; a warning says when it is exceeded",
			"all machines share one host, so that none is apart from another",
		},
	}
}

// Quote implements vendormodules.Module.
func (m *Module) Quote(ctx context.Context, class descriptors.Class) (vendormodules.Quote, error) {
	if err := ctx.Err(); err != nil {
		return vendormodules.Quote{}, err
	}
	if refusal := m.refuse(class); refusal != nil {
		return vendormodules.Quote{}, *refusal
	}
	class = class.WithDefaults()
	return m.configuration.Quote(class, catalogue.Sized(class.Cores, class.Memory))
}

// refuse says why a class cannot be served at all; nil if it can.
func (m *Module) refuse(class descriptors.Class) *sla.Refusal {
	if refusal := m.configuration.Refuse(class, false); refusal != nil {
		return refusal
	}
	if class.Type.RunsMachines() {
		return m.refuseMachine(class)
	}
	if (class.Type == descriptors.Volume || class.Type.CopyOf() != "") && class.Size > m.capacity.Storage {
		return catalogue.TooLarge("size", class.Size.String(), m.capacity.Storage.String())
	}
	return nil
}

func (m *Module) refuseMachine(class descriptors.Class) *sla.Refusal {
	here := catalogue.Architecture(runtime.GOARCH)
	switch {
	case class.Image != "" && !slices.Contains(m.configuration.Images, class.Image):
		return catalogue.Unsupported("image", class.Image, m.configuration.Images)
	case class.Image == "" && !slices.Contains(m.configuration.Images, defaultImage):
		return catalogue.Unsupported("image", defaultImage, m.configuration.Images)
	case class.Architecture != "" && class.Architecture != here:
		return catalogue.Unsupported("architecture", class.Architecture, []string{here})
	case class.Cores > m.capacity.Cores:
		return catalogue.TooLarge("cores", strconv.Itoa(class.Cores), strconv.Itoa(m.capacity.Cores))
	case class.Memory > m.capacity.Memory:
		return catalogue.TooLarge("memory", class.Memory.String(), m.capacity.Memory.String())
	}
	return nil
}

// Capacity implements vendormodules.Module.
func (m *Module) Capacity(ctx context.Context) (vendormodules.Usage, error) {
	return m.capacity, ctx.Err()
}

// Where the configuration says nothing, cores are given out several times over, for machines are mostly idle.
const (
	defaultMachines   = 64
	coresOvercommit   = 8
	leastDefaultCores = 16
)

// findCapacity is the configured capacity, and for what it leaves out that of the host.
func findCapacity(of capacity, directory string) (vendormodules.Usage, error) {
	usage := vendormodules.Usage{Instances: of.Machines, Cores: of.Cores, Memory: of.Memory, Storage: of.Storage}
	if usage.Instances == 0 {
		usage.Instances = defaultMachines
	}
	if usage.Cores == 0 {
		usage.Cores = max(leastDefaultCores, coresOvercommit*runtime.NumCPU())
	}
	if usage.Memory == 0 {
		var information unix.Sysinfo_t
		if err := unix.Sysinfo(&information); err != nil {
			return usage, fmt.Errorf("memory of this host: %w", err)
		}
		usage.Memory = quantity.Bytes(information.Totalram * uint64(information.Unit))
	}
	if usage.Storage == 0 {
		var information unix.Statfs_t
		if err := unix.Statfs(directory, &information); err != nil {
			return usage, &os.PathError{Op: "size of the disk of", Path: directory, Err: err}
		}
		usage.Storage = quantity.Bytes(information.Blocks * uint64(information.Bsize))
	}
	return usage, nil
}
