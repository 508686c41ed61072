package ptc

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// version of the module.
const version = "1"

// Describe implements vendormodules.Module.
func (m *Module) Describe() vendormodules.Description {
	return vendormodules.Description{
		Kind: kindName, Version: version, Region: m.configuration.Region, Country: m.configuration.Country,
		Types: slices.Clone(m.configuration.Types), Images: slices.Clone([]string(m.configuration.Images)), CreateToken: true,
		Notes: []string{
			"no isolation: every address is on the loopback of one host, which all of its processes reach",
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
	quote := vendormodules.Quote{
		Availability: m.configuration.Availability[class.Type], ReadyIn: m.configuration.ReadyIn, Flavor: string(class.Type),
	}
	var price quantity.Money
	var err error
	switch prices := m.configuration.Prices; class.Type {
	case descriptors.Volume:
		quote.Use.Storage = class.Size
		price, err = portion(*prices.StorageGiBMonth, uint64(class.Size), uint64(quantity.GiB)*quantity.HoursPerMonth)
		quote.Flavor = "directory"
	case descriptors.Network:
		price = *prices.Network
	case descriptors.LoadBalancer:
		price = *prices.LoadBalancer
	default:
		quote.Use = vendormodules.Usage{Instances: 1, Cores: class.Cores, Memory: class.Memory}
		quote.Flavor = fmt.Sprintf("%dc-%s", class.Cores, class.Memory)
		price, err = m.machinePrice(class)
	}
	if err != nil {
		return vendormodules.Quote{}, sla.Refusal{Code: sla.RefusedCapacity, Message: fmt.Sprintf("no price for so much: %v", err)}
	}
	quote.Unit = quantity.Rate{PerHour: price}
	return quote, nil
}

func (m *Module) machinePrice(class descriptors.Class) (quantity.Money, error) {
	cores, err := m.configuration.Prices.CoreHour.Times(int64(class.Cores))
	if err != nil {
		return quantity.Money{}, err
	}
	memory, err := portion(*m.configuration.Prices.GiBHour, uint64(class.Memory), uint64(quantity.GiB))
	if err != nil {
		return quantity.Money{}, err
	}
	return cores.Add(memory)
}

// portion is money times amount over whole, rounded up to the micro-unit.
func portion(money quantity.Money, amount, whole uint64) (quantity.Money, error) {
	high, low := bits.Mul64(uint64(money.Micros), amount)
	if high >= whole {
		return quantity.Money{}, quantity.ErrOverflow
	}
	result, rest := bits.Div64(high, low, whole)
	if rest > 0 {
		result++
	}
	if result > math.MaxInt64 {
		return quantity.Money{}, quantity.ErrOverflow
	}
	return quantity.Money{Micros: int64(result), Currency: money.Currency}, nil
}

// refuse says why a class cannot be served at all; nil if it can.
func (m *Module) refuse(class descriptors.Class) *sla.Refusal {
	c := m.configuration
	switch place := class.Place; {
	case !slices.Contains(c.Types, class.Type):
		return unsupported("type", string(class.Type), names(c.Types))
	case class.Isolation == "required":
		return &sla.Refusal{
			Code: sla.RefusedIsolation, Message: "everything here shares one host and its loopback, and cannot be kept apart",
			Hint: "without isolation: required it would be offered",
		}
	case len(place.Region) > 0 && !slices.Contains(place.Region, c.Region):
		return elsewhere("region", place.Region, c.Region)
	case len(place.Country) > 0 && !slices.Contains(place.Country, c.Country):
		return elsewhere("country", place.Country, c.Country)
	case class.Span:
		return &sla.Refusal{
			Code: sla.RefusedUnsupported, Message: "a network here cannot span vendors: the host carries no overlay",
			Hint: "without span: true it would be offered",
		}
	case class.Type.RunsMachines():
		return m.refuseMachine(class)
	}
	if class.Type == descriptors.Volume && class.Size > m.capacity.Storage {
		return tooLarge("size", class.Size.String(), m.capacity.Storage.String())
	}
	return nil
}

// architectures are Go's names of what descriptors call by the kernel's.
var architectures = map[string]string{"amd64": "x86_64", "arm64": "arm64"}

func (m *Module) refuseMachine(class descriptors.Class) *sla.Refusal {
	here := architectures[runtime.GOARCH]
	switch {
	case class.Image != "" && !slices.Contains(m.configuration.Images, class.Image):
		return unsupported("image", class.Image, m.configuration.Images)
	case class.Image == "" && !slices.Contains(m.configuration.Images, defaultImage):
		return unsupported("image", defaultImage, m.configuration.Images)
	case class.Architecture != "" && class.Architecture != here:
		return unsupported("architecture", class.Architecture, []string{here})
	case class.Cores > m.capacity.Cores:
		return tooLarge("cores", strconv.Itoa(class.Cores), strconv.Itoa(m.capacity.Cores))
	case class.Memory > m.capacity.Memory:
		return tooLarge("memory", class.Memory.String(), m.capacity.Memory.String())
	}
	return nil
}

func unsupported(what, name string, offered []string) *sla.Refusal {
	hint := "there are " + strings.Join(offered, ", ")
	if near, found := descriptors.Nearest(name, offered); found {
		hint = fmt.Sprintf("the nearest is %q", near)
	} else if len(offered) == 1 {
		hint = "there is " + offered[0]
	}
	return &sla.Refusal{Code: sla.RefusedUnsupported, Message: fmt.Sprintf("no %s %q here", what, name), Hint: hint}
}

func elsewhere(what string, wanted descriptors.Names, here string) *sla.Refusal {
	message := fmt.Sprintf("not in %s %s", what, strings.Join(wanted, " or "))
	hint := fmt.Sprintf("this is %s %s", what, here)
	if here == "" {
		hint = "this vendor's " + what + " is not known"
	}
	return &sla.Refusal{Code: sla.RefusedPlacement, Message: message, Hint: hint}
}

func tooLarge(what, wanted, most string) *sla.Refusal {
	return &sla.Refusal{
		Code: sla.RefusedCapacity, Message: fmt.Sprintf("%s %s is more than there is in all", what, wanted), Hint: "would do " + most,
	}
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
