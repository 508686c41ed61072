package services

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Table shows the entries below one prefix of a Store as values of one type, encoded with Encode. It holds nothing
// itself: tables may be copied, and any number of them share a store, whose Commit takes changes of all of them at once:
//
//	offers := services.NewTable[Offer](store, "offers", "offer", 1)
//	outbox := services.NewTable[Message](store, "outbox", "message", 1)
//	offer, revision, err := offers.Get(ctx, id)
//	offer.State = Observed
//	err = store.Commit(ctx, offers.Put(id, offer, revision), outbox.Put(message.ID, message, 0))
//
// An id is a token or several joined by dots.
type Table[T any] struct {
	store        Store
	prefix, kind string
	version      int
}

// Record is one value of a Table as it stands.
type Record[T any] struct {
	ID       string
	Value    T
	Revision uint64
	// Deleted records have no value; only a watch shows them.
	Deleted bool
}

// NewTable returns the table below a prefix, with or without the dot at its end. Kind and version are Encode's.
func NewTable[T any](store Store, prefix, kind string, version int) Table[T] {
	return Table[T]{store, strings.TrimSuffix(prefix, ".") + ".", kind, version}
}

// Prefix is that of all keys of the table, for Watch.
func (t Table[T]) Prefix() string { return t.prefix }

// Get returns a value and its revision, ErrNoKey if it is not there.
func (t Table[T]) Get(ctx context.Context, id string) (T, uint64, error) {
	entry, err := t.store.Get(ctx, t.prefix+id)
	if err != nil {
		var none T
		return none, 0, err
	}
	record, err := t.Record(entry)
	return record.Value, record.Revision, err
}

// List returns all records, sorted by id. One that cannot be read is an error of the whole list.
func (t Table[T]) List(ctx context.Context) ([]Record[T], error) { return t.list(ctx, t.prefix) }

// ListBelow returns the records whose ids begin with an id and a dot.
func (t Table[T]) ListBelow(ctx context.Context, id string) ([]Record[T], error) {
	return t.list(ctx, t.prefix+id+".")
}

func (t Table[T]) list(ctx context.Context, prefix string) ([]Record[T], error) {
	entries, err := t.store.List(ctx, prefix)
	return t.records(entries, err)
}

// walkStep is how many records Walk reads at a time.
const walkStep = 256

// Walk returns the records whose ids come after an id, sorted by id, and reads them as they are asked for. It ends with
// the first error.
func (t Table[T]) Walk(ctx context.Context, after string) iter.Seq2[Record[T], error] {
	return func(yield func(Record[T], error) bool) {
		for more := true; more; {
			key := ""
			if after != "" {
				key = t.prefix + after
			}
			records, err := t.records(t.store.Page(ctx, t.prefix, key, walkStep))
			if err != nil {
				yield(Record[T]{}, err)
				return
			}
			for _, record := range records {
				if !yield(record, nil) {
					return
				}
				after = record.ID
			}
			more = len(records) == walkStep
		}
	}
}

func (t Table[T]) records(entries []Entry, err error) ([]Record[T], error) {
	if err != nil {
		return nil, err
	}
	records := make([]Record[T], len(entries))
	for i, entry := range entries {
		if records[i], err = t.Record(entry); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// Record reads an entry of the store, as Watch sends them.
func (t Table[T]) Record(entry Entry) (Record[T], error) {
	id, ours := strings.CutPrefix(entry.Key, t.prefix)
	if !ours {
		return Record[T]{}, fmt.Errorf("entry %s is not below %s", entry.Key, t.prefix)
	}
	record := Record[T]{ID: id, Revision: entry.Revision, Deleted: entry.Deleted}
	if entry.Deleted {
		return record, nil
	}
	var err error
	if record.Value, err = Decode[T](entry.Value, t.kind, t.version); err != nil {
		return Record[T]{}, fmt.Errorf("entry %s: %w", entry.Key, err)
	}
	return record, nil
}

// Put is the change that puts a value where a revision stands, 0 for nothing. If the value cannot be encoded, the commit
// says so.
func (t Table[T]) Put(id string, value T, expect uint64) Change {
	encoded, err := Encode(t.kind, t.version, value)
	return Change{Key: t.prefix + id, Expect: expect, Value: encoded, fault: err}
}

// Overwrite is the change that puts a value, whatever stands there.
func (t Table[T]) Overwrite(id string, value T) Change {
	change := t.Put(id, value, 0)
	change.Any = true
	return change
}

// Delete is the change that deletes a value of which a revision stands.
func (t Table[T]) Delete(id string, expect uint64) Change {
	return Change{Key: t.prefix + id, Expect: expect, Delete: true}
}

// Discard is the change that deletes a value, whatever stands there, or nothing.
func (t Table[T]) Discard(id string) Change {
	return Change{Key: t.prefix + id, Any: true, Delete: true}
}

// Update reads a value, lets edit change it, and puts it back together with the changes that edit returns, all or
// nothing. If the value was changed by another meanwhile it begins anew, so edit may be called several times. It returns
// the value as it was put; ErrNoKey if there is none, and an error of edit as it is.
func (t Table[T]) Update(ctx context.Context, id string, edit func(value *T) ([]Change, error)) (T, error) {
	var none T
	for last := uint64(0); ; {
		value, revision, err := t.Get(ctx, id)
		if err != nil {
			return none, err
		}
		if revision == last {
			return none, fmt.Errorf("update %s%s: %w of a change made with it", t.prefix, id, ErrRevision)
		}
		last = revision
		changes, err := edit(&value)
		if err != nil {
			return none, err
		}
		err = t.store.Commit(ctx, append(slices.Clip(changes), t.Put(id, value, revision))...)
		if err == nil {
			return value, nil
		}
		if !errors.Is(err, ErrRevision) {
			return none, err
		}
	}
}
