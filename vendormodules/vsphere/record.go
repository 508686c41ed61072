package vsphere

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// The keys of a machine's extra configuration: what it is, and how far its making has come.
const (
	recordKey = "agency.resource"
	stageKey  = "agency.stage"
)

// The stages of a machine. One without any is a copy of its template and nothing else.
const (
	stageJoined = "joined" // it has its networks and volumes
	stageBegun  = "begun"  // it has been started once
)

// record is written into everything that is made, as it is made.
type record struct {
	Key  string                   `json:"key"`
	Name string                   `json:"name"`
	Type descriptors.ResourceType `json:"type"`
	Tags vendormodules.Tags       `json:"tags"`
	// Created is the agency's time, which the entities of vCenter do not all have.
	Created time.Time `json:"created"`
	// Addresses of a machine, one for each of its networks or the public one.
	Addresses []address `json:"addresses,omitempty"`
	// Volumes that a machine was made with.
	Volumes []vendormodules.VolumeMount `json:"volumes,omitempty"`
	// Range and VLAN of a network.
	Range netip.Prefix `json:"range,omitzero"`
	VLAN  int          `json:"vlan,omitempty"`
	// Size of a volume or snapshot.
	Size quantity.Bytes `json:"size,omitempty"`
}

// address is where a machine is in a network; empty Network is the public one, zero Address what DHCP gives.
type address struct {
	Network string     `json:"network,omitempty"`
	Address netip.Addr `json:"address,omitzero"`
	Public  bool       `json:"public,omitempty"`
}

func (r record) text() (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("describe %s: %w", r.Key, err)
	}
	return string(text), nil
}

// entity is something of ours in the inventory.
type entity struct {
	record

	reference types.ManagedObjectReference
	stage     string
	power     types.VirtualMachinePowerState
	guest     []types.GuestNicInfo
	devices   object.VirtualDeviceList
	// switchKey of a port group.
	key string
}

// The properties that are read of machines; devices are many, and read where they are needed.
var (
	machineProperties = []string{"name", "config.extraConfig", "runtime.powerState", "guest.net"}
	deviceProperties  = append([]string{"config.hardware.device"}, machineProperties...)
	networkProperties = []string{"name", "config"}
)

// pageSize is how many entities vCenter tells at a time.
const pageSize = 500

// machines are all entities of ours that vCenter knows as machines: machines, volumes, snapshots and images.
func (m *Module) machines(ctx context.Context, c *connection, properties []string) ([]entity, error) {
	found, err := retrieve[mo.VirtualMachine](ctx, c, c.place.folder.Reference(), "Folder", "childEntity", "VirtualMachine", properties)
	if err != nil {
		return nil, err
	}
	var entities []entity
	for _, one := range found {
		if read, ours := m.readMachine(one); ours {
			entities = append(entities, read)
		}
	}
	return entities, nil
}

// networks are all networks of ours.
func (m *Module) networks(ctx context.Context, c *connection) ([]entity, error) {
	if c.place.distributed.Value == "" {
		return nil, nil
	}
	found, err := retrieve[mo.DistributedVirtualPortgroup](
		ctx, c, c.place.distributed, "DistributedVirtualSwitch", "portgroup", "DistributedVirtualPortgroup", networkProperties)
	if err != nil {
		return nil, err
	}
	var entities []entity
	for _, one := range found {
		if read, ours := m.readNetwork(one); ours {
			entities = append(entities, read)
		}
	}
	return entities, nil
}

// retrieve reads properties of all entities that a path leads to, page by page: all of them, or an error.
func retrieve[T any](
	ctx context.Context, c *connection, from types.ManagedObjectReference, kind, path, of string, properties []string,
) ([]T, error) {
	request := types.RetrieveProperties{SpecSet: []types.PropertyFilterSpec{{
		ObjectSet: []types.ObjectSpec{{
			Obj: from, Skip: types.NewBool(true), SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: kind, Path: path}},
		}},
		PropSet: []types.PropertySpec{{Type: of, PathSet: properties}},
	}}}
	answer, err := property.DefaultCollector(c.Client).RetrieveProperties(ctx, request, pageSize)
	if err != nil {
		return nil, err
	}
	var found []T
	if len(answer.Returnval) == 0 {
		return nil, nil
	}
	err = mo.LoadObjectContent(answer.Returnval, &found)
	return found, err
}

func (m *Module) readMachine(of mo.VirtualMachine) (entity, bool) {
	read := entity{reference: of.Self, power: of.Runtime.PowerState}
	if of.Guest != nil {
		read.guest = of.Guest.Net
	}
	if of.Config == nil {
		return read, false
	}
	read.devices = of.Config.Hardware.Device
	extra := object.OptionValueList(of.Config.ExtraConfig)
	text, _ := extra.GetString(recordKey)
	read.stage, _ = extra.GetString(stageKey)
	return read, m.owns(&read, text)
}

func (m *Module) readNetwork(of mo.DistributedVirtualPortgroup) (entity, bool) {
	read := entity{reference: of.Self, key: of.Key}
	return read, m.owns(&read, of.Config.Description)
}

// owns reads what an entity is, and says whether it is this agency's.
func (m *Module) owns(read *entity, text string) bool {
	return json.Unmarshal([]byte(text), &read.record) == nil && read.Key != "" && read.Tags.Agency == m.environment.Agency
}

// find finds an entity by its id, which is its key and its name; ErrNotFound if there is none of ours.
func (m *Module) find(ctx context.Context, c *connection, id string) (entity, error) {
	index := object.NewSearchIndex(c.Client)
	for _, folder := range []*object.Folder{c.place.folder, c.place.folders.NetworkFolder} {
		found, err := index.FindChild(ctx, folder, id)
		if err != nil {
			return entity{}, err
		}
		if found == nil {
			continue
		}
		read, ours, err := m.read(ctx, c, found.Reference())
		if err != nil && !isFault(err, "ManagedObjectNotFound") {
			return entity{}, err
		}
		if err == nil && ours {
			return read, nil
		}
	}
	return entity{}, fmt.Errorf("resource %s: %w", id, vendormodules.ErrNotFound)
}

// read reads one entity.
func (m *Module) read(ctx context.Context, c *connection, reference types.ManagedObjectReference) (entity, bool, error) {
	collector := property.DefaultCollector(c.Client)
	switch reference.Type {
	case "VirtualMachine":
		var one mo.VirtualMachine
		if err := collector.RetrieveOne(ctx, reference, deviceProperties, &one); err != nil {
			return entity{}, false, err
		}
		read, ours := m.readMachine(one)
		return read, ours, nil
	case "DistributedVirtualPortgroup":
		var one mo.DistributedVirtualPortgroup
		if err := collector.RetrieveOne(ctx, reference, networkProperties, &one); err != nil {
			return entity{}, false, err
		}
		read, ours := m.readNetwork(one)
		return read, ours, nil
	}
	return entity{}, false, nil
}

// findType is find for an entity of one type.
func (m *Module) findType(ctx context.Context, c *connection, id string, kind descriptors.ResourceType) (entity, error) {
	found, err := m.find(ctx, c, id)
	if err == nil && found.Type != kind {
		return found, fmt.Errorf("%s is a %s and no %s: %w", id, found.Type, kind, vendormodules.ErrInvalid)
	}
	return found, err
}

// machine is the entity for the SDK's calls.
func (e entity) machine(c *connection) *object.VirtualMachine {
	return object.NewVirtualMachine(c.Client, e.reference)
}
