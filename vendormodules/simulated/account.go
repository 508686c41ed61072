package simulated

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/inert"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// account is what exists. Memory is the truth while the module is open; every change is in the store before a call that
// saw it returns.
type account struct {
	resources services.Table[record]
	books     services.Table[book]
	now       func() time.Time
	// writing holds a token while somebody writes to the store.
	writing chan struct{}

	mutex   sync.Mutex // guards what follows
	loaded  bool
	book    book
	records map[string]*record
	keys    map[string][]string // ids by key, oldest first
	holders map[string]int      // how many hold a volume or network
	taken   map[netip.Addr]bool
	used    vendormodules.Usage
	leaving map[string]bool        // ids of what was deleted; true once what it had was let go
	changed map[string]bool        // ids of what is not in the store as it is here
	disks   map[string]*inert.Disk // what resources hold, by id, which is nowhere else
	ended   func(record *record)
}

// book is what the account knows of itself.
type book struct {
	// Opened is when it was opened for the first time, Openings how often since.
	Opened   time.Time `json:"opened"`
	Openings uint64    `json:"openings"`
}

// theBook is the id of the only one.
const theBook = "account"

func newAccount(store services.Store, now func() time.Time) *account {
	return &account{
		resources: services.NewTable[record](store, "resources", "simulated-resource", 1),
		books:     services.NewTable[book](store, "books", "simulated-account", 1),
		now:       now, writing: make(chan struct{}, 1),
		records: map[string]*record{}, keys: map[string][]string{}, holders: map[string]int{},
		taken: map[netip.Addr]bool{}, leaving: map[string]bool{}, changed: map[string]bool{},
		disks: map[string]*inert.Disk{},
	}
}

// open makes sure that the account is in memory, and returns its book.
func (a *account) open(ctx context.Context, store services.Store) (book, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.loaded {
		return a.book, nil
	}
	books, err := a.books.List(ctx)
	if err != nil {
		return book{}, fmt.Errorf("read the account: %w", err)
	}
	opened := book{Opened: a.now().UTC()}
	if len(books) > 0 {
		opened = books[0].Value
	}
	opened.Openings++
	kept, err := a.resources.List(ctx)
	if err == nil {
		err = store.Commit(ctx, a.books.Overwrite(theBook, opened))
	}
	if err != nil {
		return book{}, fmt.Errorf("read the account: %w", err)
	}
	slices.SortStableFunc(kept, func(one, other services.Record[record]) int {
		return one.Value.Created.Compare(other.Value.Created)
	})
	for index := range kept {
		a.put(&kept[index].Value)
	}
	a.book, a.loaded = opened, true
	return a.book, nil
}

// put takes a record into memory. Callers of this and all that follows, except save, hold the mutex.
func (a *account) put(added *record) {
	a.records[added.ID] = added
	a.keys[added.Key] = append(a.keys[added.Key], added.ID)
	a.used = a.used.Plus(added.Use)
	for _, id := range added.held() {
		a.holders[id]++
	}
	for _, address := range added.Addresses {
		if parsed, err := netip.ParseAddr(address.Address); err == nil {
			a.taken[parsed] = true
		}
	}
	if !added.Deleted.IsZero() {
		a.leaving[added.ID] = false
	}
}

// pass lets time do its work: what is gone lets go of what it had, what no listing has any more is forgotten.
func (a *account) pass(now time.Time) {
	for id, free := range a.leaving {
		leaving := a.records[id]
		if !free && leaving.gone(now) {
			a.free(leaving)
			a.leaving[id] = true
		}
		if !leaving.gone(now) || leaving.listed(now) {
			continue
		}
		delete(a.leaving, id)
		delete(a.records, id)
		a.keys[leaving.Key] = slices.DeleteFunc(a.keys[leaving.Key], func(other string) bool { return other == id })
		if len(a.keys[leaving.Key]) == 0 {
			delete(a.keys, leaving.Key)
		}
		a.changed[id] = true
		a.ended(leaving)
	}
}

func (a *account) free(gone *record) {
	a.used = a.used.Plus(gone.Use.Times(-1))
	delete(a.disks, gone.ID)
	for _, id := range gone.held() {
		a.release(id)
	}
	for _, address := range gone.Addresses {
		a.giveBack(address)
	}
}

func (a *account) giveBack(address vendormodules.Address) {
	if parsed, err := netip.ParseAddr(address.Address); err == nil {
		delete(a.taken, parsed)
	}
}

func (a *account) release(id string) {
	if a.holders[id]--; a.holders[id] == 0 {
		delete(a.holders, id)
	}
}

// find returns a resource that is not gone.
func (a *account) find(id string, now time.Time) (*record, error) {
	if found := a.records[id]; found != nil && !found.gone(now) {
		return found, nil
	}
	return nil, fmt.Errorf("resource %s: %w", id, vendormodules.ErrNotFound)
}

func (a *account) findType(id string, kind descriptors.ResourceType, now time.Time) (*record, error) {
	found, err := a.find(id, now)
	if err == nil && found.Type != kind {
		return nil, fmt.Errorf("%s is a %s and no %s: %w", id, found.Type, kind, vendormodules.ErrInvalid)
	}
	return found, err
}

// address takes the first free address of a block from a place in it on.
func (a *account) address(block netip.Prefix, place uint64) (netip.Addr, error) {
	base := block.Addr().As4()
	first := uint64(base[0])<<24 | uint64(base[1])<<16 | uint64(base[2])<<8 | uint64(base[3])
	size := uint64(1) << (32 - block.Bits())
	for step := range size {
		number := first + (place+step)%size
		address := netip.AddrFrom4([4]byte{byte(number >> 24), byte(number >> 16), byte(number >> 8), byte(number)})
		if last := number & 0xff; last != 0 && last != 0xff && !a.taken[address] {
			a.taken[address] = true
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no address of %s is free: %w", block, vendormodules.ErrNoCapacity)
}

// save writes all that has changed, whoever changed it. Who comes while another writes waits for that, and then often
// finds nothing left to write.
func (a *account) save(ctx context.Context, store services.Store) error {
	select {
	case a.writing <- struct{}{}:
		defer func() { <-a.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	a.mutex.Lock()
	ids := slices.Sorted(maps.Keys(a.changed))
	clear(a.changed)
	changes := make([]services.Change, 0, len(ids))
	for _, id := range ids {
		if changed := a.records[id]; changed != nil {
			changes = append(changes, a.resources.Overwrite(id, *changed))
		} else {
			changes = append(changes, a.resources.Discard(id))
		}
	}
	a.mutex.Unlock()
	for batch := range slices.Chunk(changes, services.MaxChanges) {
		if err := store.Commit(ctx, batch...); err != nil {
			a.mutex.Lock()
			for _, id := range ids {
				a.changed[id] = true
			}
			a.mutex.Unlock()
			return fmt.Errorf("write the account: %w: %w", vendormodules.ErrTransient, err)
		}
	}
	return nil
}
