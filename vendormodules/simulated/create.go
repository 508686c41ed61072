package simulated

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Create implements vendormodules.Module.
func (m *Module) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	var created vendormodules.Resource
	err := m.call(ctx, opCreate, request.Key, func(now time.Time) error {
		if earlier := m.recognise(request.Key, now); earlier != nil {
			created = earlier.resource(now)
			return nil
		}
		added, err := m.make(request, now)
		if err != nil {
			return err
		}
		m.account.put(added)
		m.account.copyDisk(origin(request), added.ID)
		m.account.changed[added.ID] = true
		created = added.resource(now)
		return nil
	})
	if err != nil {
		return vendormodules.Resource{}, err
	}
	return created, nil
}

// recognise finds what an earlier create with the same key made: with create tokens whatever there is, else what a
// listing shows.
func (m *Module) recognise(key string, now time.Time) *record {
	for _, id := range m.account.keys[key] {
		earlier := m.account.records[id]
		if !earlier.gone(now) && (*m.configuration.CreateToken || earlier.listed(now)) {
			return earlier
		}
	}
	return nil
}

// make makes the record of a new resource, of which the account knows nothing yet but its addresses.
func (m *Module) make(request vendormodules.Request, now time.Time) (*record, error) {
	if err := m.originate(request, now); err != nil {
		return nil, err
	}
	size, refusal := m.configuration.size(request.Class)
	if refusal != nil {
		return nil, fmt.Errorf("%w: %w", refusal, vendormodules.ErrUnsupported)
	}
	if err := m.room(size.use); err != nil {
		return nil, err
	}
	identity := m.identify(request.Key, now)
	life := m.chance.next(opLife, request.Key, m.account.book.Openings)
	added := &record{
		ID: "sim-" + hex.EncodeToString(identity[:8]), Key: request.Key, Name: request.Name, Type: request.Class.Type,
		Tags: request.Tags, Run: slices.Clone(request.Class.Run), Use: size.use,
		Created: now, Shows: now.Add(m.configuration.Listing.ShowsAfter.draw(life)),
		Networks: slices.Clone(request.Networks), Targets: slices.Clone(request.Targets),
		Keys: slices.Clone(request.Class.Keys), Rules: slices.Clone(request.Rules),
	}
	boot := m.chance.next(opBoot, request.Key, m.account.book.Openings)
	added.Runs = now.Add(m.configuration.Boot.draw(boot))
	added.Started = added.Runs
	added.Fails = boot.Float64() < float64(m.configuration.BootFailures)
	added.Load = leastLoad + (mostLoad-leastLoad)*life.Float64()
	if err := m.join(added, request, now); err != nil {
		return nil, err
	}
	return added, m.settle(added, request, binary.BigEndian.Uint64(identity[8:]))
}

// A machine's load is drawn between these.
const leastLoad, mostLoad = 0.05, 0.8

// identify draws what is a resource's own, the same in equal histories and never the same twice in one.
func (m *Module) identify(key string, now time.Time) [sha256.Size]byte {
	ordinal := len(m.account.keys[key])
	return sha256.Sum256(fmt.Appendf(nil, "%d %s %s %s %d %d", m.configuration.Seed, m.agency, m.vendor, key, ordinal, now.UnixNano()))
}

// room says whether the account may have so much more, and whether the cloud has it.
func (m *Module) room(more vendormodules.Usage) error {
	after := m.account.used.Plus(more)
	if what := beyond(after, m.configuration.Quotas); what != "" {
		return fmt.Errorf("%s: %w", what, vendormodules.ErrQuota)
	}
	if what := beyond(after, m.configuration.Capacity); what != "" {
		return fmt.Errorf("%s: %w", what, vendormodules.ErrNoCapacity)
	}
	return nil
}

// beyond says what of a usage is more than a limit.
func beyond(usage, limit vendormodules.Usage) string {
	switch {
	case limit.Instances > 0 && usage.Instances > limit.Instances:
		return fmt.Sprintf("%d instances of %d", usage.Instances, limit.Instances)
	case limit.Cores > 0 && usage.Cores > limit.Cores:
		return fmt.Sprintf("%d cores of %d", usage.Cores, limit.Cores)
	case limit.Memory > 0 && usage.Memory > limit.Memory:
		return fmt.Sprintf("memory %s of %s", usage.Memory, limit.Memory)
	case limit.Storage > 0 && usage.Storage > limit.Storage:
		return fmt.Sprintf("storage %s of %s", usage.Storage, limit.Storage)
	}
	return ""
}

// join lets a new resource have the volumes and networks of its request.
func (m *Module) join(added *record, request vendormodules.Request, now time.Time) error {
	for _, network := range request.Networks {
		if _, err := m.account.findType(network, descriptors.Network, now); err != nil {
			return err
		}
	}
	for _, mount := range request.Volumes {
		if err := m.mountable(mount.Volume, now); err != nil {
			return err
		}
		if added.Volumes == nil {
			added.Volumes = map[string]string{}
		}
		added.Volumes[mount.Volume] = mount.Mount
	}
	return nil
}

// mountable says whether a volume can be given to a machine that has not got it.
func (m *Module) mountable(volume string, now time.Time) error {
	if _, err := m.account.findType(volume, descriptors.Volume, now); err != nil {
		return err
	}
	if m.account.holders[volume] > 0 {
		return fmt.Errorf("volume %s is attached to another machine: %w", volume, vendormodules.ErrConflict)
	}
	return nil
}

// settle gives a network the range of its addresses, and a machine or balancer a public address and one on each of its
// networks.
func (m *Module) settle(added *record, request vendormodules.Request, place uint64) error {
	switch added.Type {
	case descriptors.Network:
		return m.settleNetwork(added, request.Class.Range)
	case descriptors.Compute, descriptors.LoadBalancer:
	default:
		return nil
	}
	for index, network := range append([]string{""}, added.Networks...) {
		block := m.configuration.Addresses
		if network != "" {
			block = m.account.records[network].Range
		}
		address, err := m.account.address(block, place)
		if err != nil {
			for _, earlier := range added.Addresses[:index] {
				m.account.giveBack(earlier)
			}
			return err
		}
		added.Addresses = append(added.Addresses, vendormodules.Address{
			Address: address.String(), Network: network, Public: network == "",
		})
	}
	return nil
}

// settleNetwork gives a network the range that was asked for, by default the one that all public addresses are of.
func (m *Module) settleNetwork(added *record, asked string) error {
	added.Range = m.configuration.Addresses
	if asked != "" {
		prefix, err := netip.ParsePrefix(asked)
		if err != nil {
			return fmt.Errorf("range %q: %w", asked, vendormodules.ErrInvalid)
		}
		added.Range = prefix
	}
	added.Addresses = []vendormodules.Address{{Address: added.Range.String()}}
	return nil
}
