package vendor

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// resourceRecord is a resource as the vendor keeps it: the intent first, what the cloud made of it afterwards.
type resourceRecord struct {
	Status proto.ResourceStatus `json:"status"`
	// Key is the resource's idempotency key at the cloud.
	Key string `json:"key"`
	// Sequence of the last command taken on.
	Sequence uint64 `json:"sequence"`
	// Attempted says that the cloud may have been asked to create it.
	Attempted bool `json:"attempted,omitempty"`
	// From is the key of the copy that it is made of, if it is.
	From string `json:"from,omitempty"`
	// Source of a copy by the cloud's id, and what the copy takes of the capacity.
	Source string              `json:"source,omitempty"`
	Use    vendormodules.Usage `json:"use,omitzero"`
	// Lost is since when complete listings have been without the resource.
	Lost time.Time `json:"lost,omitzero"`
}

// commandRecord is a command that was taken on.
type commandRecord struct {
	ID       string                `json:"id"`
	Sequence uint64                `json:"sequence"`
	Command  proto.ResourceCommand `json:"command"`
	// Copy is the key of the copy that it makes or deletes, if it does.
	Copy string `json:"copy,omitempty"`
	// Outcome once it is done.
	Outcome *proto.Outcome `json:"outcome,omitempty"`
	Taken   time.Time      `json:"taken"`

	// resumed says that an earlier run took it on, and may have asked the cloud already.
	resumed bool
}

// key is that of the resource that a command works on.
func (c *commandRecord) key() string { return cmp.Or(c.Copy, cloudKey(c.Command.Resource)) }

// tables are the records in the store.
type tables struct {
	proposals services.Table[proposalRecord]
	resources services.Table[resourceRecord]
	commands  services.Table[commandRecord]
	errands   services.Table[errandRecord]
}

func newTables(store services.Store) tables {
	return tables{
		services.NewTable[proposalRecord](store, "proposals", "proposal", 1),
		services.NewTable[resourceRecord](store, "resources", "resource", 1),
		services.NewTable[commandRecord](store, "commands", "command", 1),
		services.NewTable[errandRecord](store, "errands", "errand", 1),
	}
}

func (t tables) proposal(record *proposalRecord) services.Change {
	return t.proposals.Overwrite(record.ID, *record)
}

func (t tables) resource(record *resourceRecord) services.Change {
	return t.resources.Overwrite(record.Key, *record)
}

func (t tables) command(record *commandRecord) services.Change {
	return t.commands.Overwrite(record.ID, *record)
}

// load reads the records of earlier runs and forgets those that nobody can ask for any more.
func (a *Agent) load(ctx context.Context) error {
	if err := a.outbox.Load(ctx); err != nil {
		return err
	}
	proposals, err := a.tables.proposals.List(ctx)
	if err != nil {
		return err
	}
	resources, err := a.tables.resources.List(ctx)
	if err != nil {
		return err
	}
	commands, err := a.tables.commands.List(ctx)
	if err != nil {
		return err
	}
	for _, row := range proposals {
		record := row.Value
		a.ledger.put(&record)
		a.rememberRounds(&record)
	}
	for _, row := range resources {
		record := row.Value
		a.keep(&record)
	}
	for _, row := range commands {
		record := row.Value
		record.resumed = record.Outcome == nil
		a.commands[record.ID] = writtenCommand(&record)
		if resource := a.resources[record.key()]; resource != nil {
			resource.Sequence = max(resource.Sequence, record.Sequence)
		}
	}
	if err := a.loadErrands(ctx); err != nil {
		return err
	}
	return a.sweep(ctx)
}

// cloudKey is a resource's idempotency key at the cloud and its key in the store. It tells people what the resource is
// and stays within 63 characters: long class names are cut and told apart by a hash.
func cloudKey(ref proto.ResourceRef) string {
	class := ref.Class
	if len(class) > 14 {
		sum := sha256.Sum256([]byte(class))
		class = class[:7] + hex.EncodeToString(sum[:3])
	}
	return fmt.Sprintf("%s-%d-%d-%s", class, ref.Index, ref.Generation, strings.ToLower(ref.Deployment))
}

// checkCloudKey says what is wrong with a key that modules are to use.
func checkCloudKey(key string) error {
	if len(key) > 63 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(key, "-") {
		return fmt.Errorf("key %q: must be of a-z, 0-9 and -, at most 63", key)
	}
	return nil
}

// newResource is the record of a resource that is about to be created.
func (a *Agent) newResource(command *commandRecord, agreement *sla.Agreement) *resourceRecord {
	now := a.Now().UTC()
	var kind descriptors.ResourceType // a delete that comes before its create does not know it
	if command.Command.Class != nil {
		kind = single(command.Command.Class.Type)
	}
	return &resourceRecord{
		Key: cloudKey(command.Command.Resource), Sequence: command.Sequence,
		Status: proto.ResourceStatus{
			Ref: command.Command.Resource, Name: command.Command.Name, Type: kind, Vendor: a.name,
			Agreement: agreement.ID, State: vendormodules.ResourceRequested,
			Price: agreement.Classes[command.Command.Resource.Class].Unit, Created: now, Changed: now,
		},
	}
}
