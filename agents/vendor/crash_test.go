package vendor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// tokenless is a cloud whose create takes no token, and whose listings are slow to show what is new.
func tokenless(h *house) {
	h.cloud.description.CreateToken = false
	h.cloud.description.Settle = quantity.Duration(40 * time.Millisecond)
}

// TestACrashAtAnyPoint ends the agent from within the cloud, before and after every call of a create and of a delete has
// its effect, and looks that the next run ends what was begun, once.
func TestACrashAtAnyPoint(t *testing.T) {
	for _, token := range []bool{true, false} {
		for _, point := range []string{
			"before create", "after create", "before get", "after get", "before list", "after list",
			"before delete", "after delete",
		} {
			t.Run(fmt.Sprintf("token %t, %s", token, point), func(t *testing.T) {
				h := newHouse(t, func(h *house) {
					if !token {
						tokenless(h)
					}
				})
				agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
				when, operation, _ := strings.Cut(point, " ")
				ended := make(chan struct{})
				crash := once(operation, func(ctx context.Context) error {
					h.end()
					<-ctx.Done()
					close(ended)
					return ctx.Err()
				})
				made := orderFor(agreement, proto.VerbCreate, "web", 1)
				want := vendormodules.ResourceRunning
				if operation == "delete" {
					h.done(made)
					made, want = orderFor(agreement, proto.VerbDelete, "web", 2), vendormodules.ResourceGone
				}
				h.cloud.change(func() { h.cloud.starting = operation == "get" || operation == "list" })
				if when == "before" {
					h.cloud.script(crash, nil)
				} else {
					h.cloud.script(nil, crash)
				}
				h.tell(made)
				if operation == "list" {
					h.end() // nobody lists while a create goes well; the next run does
				} else {
					<-ended
				}
				h.stop()
				h.cloud.change(func() {
					h.cloud.starting = false
					for i := range h.cloud.resources {
						h.cloud.resources[i].State = vendormodules.ResourceRunning
					}
				})
				if operation == "list" {
					h.cloud.script(nil, nil)
				}
				h.start()
				if status := h.done(made); status.State != want {
					t.Errorf("it is %s", status.State)
				}
				if left := len(h.cloud.all()); (want == vendormodules.ResourceGone) != (left == 0) || left > 1 {
					t.Errorf("there are %v", h.cloud.all())
				}
			})
		}
	}
}

// TestAnAmbiguousCreate fails a create after it worked, or before, where no token protects it.
func TestAnAmbiguousCreate(t *testing.T) {
	for _, worked := range []bool{true, false} {
		t.Run(fmt.Sprintf("worked %t", worked), func(t *testing.T) {
			h := newHouse(t, tokenless)
			lose := once("create", func(context.Context) error { return vendormodules.ErrTransient })
			if worked {
				h.cloud.script(nil, lose)
			} else {
				h.cloud.script(lose, nil)
			}
			agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
			listed := h.cloud.called("list")
			status := h.done(orderFor(agreement, proto.VerbCreate, "web", 1))
			if all := h.cloud.all(); len(all) != 1 || all[0].ID != status.ID {
				t.Errorf("there are %v, recorded is %s", all, status.ID)
			}
			calls := map[bool]int{true: 1, false: 2}[worked]
			if got := h.cloud.called("create"); got != calls || h.cloud.called("list") == listed {
				t.Errorf("created %d times, listed %d times", got, h.cloud.called("list")-listed)
			}
		})
	}
}

// TestAStaleListingIsNotAbsence hides what was created from listings for less than the settle time.
func TestAStaleListingIsNotAbsence(t *testing.T) {
	h := newHouse(t, tokenless)
	h.cloud.description.Settle = quantity.Duration(10 * time.Minute)
	var looks int
	h.cloud.script(func(_ context.Context, operation, _ string) error {
		if operation == "list" {
			h.cloud.change(func() {
				if looks++; looks == 3 {
					clear(h.cloud.unlisted)
				}
			})
		}
		return nil
	}, once("create", func(context.Context) error {
		h.cloud.change(func() { h.cloud.unlisted[h.cloud.resources[0].ID] = true })
		return vendormodules.ErrTransient
	}))
	agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
	h.done(orderFor(agreement, proto.VerbCreate, "web", 1))
	if len(h.cloud.all()) != 1 || h.cloud.called("create") != 1 {
		t.Errorf("there are %v", h.cloud.all())
	}
}

func often(h *house) { h.options.ReconcileEvery = 5 * time.Millisecond }

func TestALostResource(t *testing.T) {
	h := newHouse(t, often)
	_, _, status := h.create()
	h.cloud.change(func() { h.cloud.drop(status.ID) })
	event := h.told("that it is lost", func(event proto.Event) bool { return event.Kind == proto.EventResourceChanged })
	if event.Resource.State != vendormodules.ResourceError || event.Resource.ID != status.ID {
		t.Errorf("told %+v", event.Resource)
	}
	if now := h.list()[0]; now.State != vendormodules.ResourceError || !strings.Contains(now.Fault, "lost") {
		t.Errorf("it is %+v", now)
	}
}

func TestWhatListingsMissIsNotLost(t *testing.T) {
	h := newHouse(t, often)
	_, _, status := h.create()
	h.cloud.change(func() { h.cloud.unlisted[status.ID] = true })
	looked := h.cloud.called("list")
	h.eventually("it is looked for", func() error {
		if h.cloud.called("list") < looked+5 {
			return fmt.Errorf("listed %d times", h.cloud.called("list")-looked)
		}
		return nil
	})
	h.cloud.script(func(_ context.Context, operation, _ string) error {
		if operation == "list" {
			return vendormodules.ErrAuthentication
		}
		return nil
	}, nil)
	h.eventually("the fault shows", func() error {
		if fault := h.status().Fault; !strings.Contains(fault, "authentication") {
			return fmt.Errorf("it is %q", fault)
		}
		return nil
	})
	if now := h.list()[0]; now.State != vendormodules.ResourceRunning {
		t.Errorf("it is %s", now.State)
	}
}

func TestACloudThatMovesByItself(t *testing.T) {
	h := newHouse(t, often)
	_, _, status := h.create()
	for _, state := range []vendormodules.ResourceState{
		vendormodules.ResourceStopped, vendormodules.ResourceError, vendormodules.ResourceRunning,
	} {
		h.cloud.change(func() {
			for i := range h.cloud.resources {
				h.cloud.resources[i].State = state
			}
		})
		h.told("it is "+string(state), func(event proto.Event) bool {
			return event.Kind == proto.EventResourceChanged && event.Resource.State == state && event.Resource.ID == status.ID
		})
	}
}

func TestUnknownResourcesAreQuarantined(t *testing.T) {
	h := newHouse(t, often)
	h.create()
	h.stop()
	must(t, os.RemoveAll(filepath.Join(h.directory, "records"))) // the store is lost
	h.cloud.change(func() {
		h.cloud.make("foreign", "foreign", descriptors.Compute, vendormodules.Tags{Agency: "another"})
	})
	h.start()
	h.eventually("it is quarantined", func() error {
		if listed := h.list(); len(listed) != 1 || !listed[0].Quarantined || h.status().Quarantined != 1 {
			return fmt.Errorf("listed are %+v", listed)
		}
		return nil
	})
	looked := h.cloud.called("list")
	h.eventually("it is looked at again", func() error {
		if h.cloud.called("list") < looked+3 {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	if len(h.cloud.all()) != 2 || h.cloud.called("delete") != 0 {
		t.Errorf("there are %v", h.cloud.all())
	}
}

// TestLateDoubles has the cloud make a second resource of one request, while the first runs and after it is gone.
func TestLateDoubles(t *testing.T) {
	h := newHouse(t, often)
	agreement, _, status := h.create()
	first := h.cloud.all()[0]
	double := func() {
		t.Helper()
		var made vendormodules.Resource
		h.cloud.change(func() { made = h.cloud.make(first.Key, first.Name, first.Type, first.Tags) })
		h.told("that the double is deleted", func(event proto.Event) bool {
			return strings.Contains(event.Message, made.ID) && strings.Contains(event.Message, "it cost")
		})
	}
	double()
	if all := h.cloud.all(); len(all) != 1 || all[0].ID != status.ID {
		t.Errorf("there are %v, recorded is %s", all, status.ID)
	}
	h.done(orderFor(agreement, proto.VerbDelete, "web", 2))
	double()
	if all := h.cloud.all(); len(all) != 0 {
		t.Errorf("there are %v", all)
	}
}

// TestWhatWasCreatedUnheardIsFound fails a create for good that had its effect all the same.
func TestWhatWasCreatedUnheardIsFound(t *testing.T) {
	h := newHouse(t, often)
	h.cloud.script(nil, once("create", func(context.Context) error { return vendormodules.ErrQuota }))
	agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
	h.do(orderFor(agreement, proto.VerbCreate, "web", 1))
	h.told("that it runs", func(event proto.Event) bool {
		return event.Kind == proto.EventResourceChanged && event.Resource.State == vendormodules.ResourceRunning
	})
	h.done(orderFor(agreement, proto.VerbDelete, "web", 2))
	if len(h.cloud.all()) != 0 {
		t.Errorf("there are %v", h.cloud.all())
	}
}

// TestASecretAppearsNowhere plants a secret and looks for it in every file, log line and event.
func TestASecretAppearsNowhere(t *testing.T) {
	const secret = "xyzzy-planted-7f3a"
	scrubber := services.NewScrubber()
	var log lockedBuffer
	h := newHouse(t, func(h *house) {
		h.log = services.NewLogger(services.LogOptions{Format: services.LogJSON, Writer: &log, Scrubber: scrubber})
		h.options.Decorators.Scrub = scrubber.Text
	})
	content[proto.Outcome](t, h.sealed("web", "", map[string]string{"token": secret}))
	// A cloud that quotes the credential in what it says.
	h.cloud.script(once("create", func(ctx context.Context) error {
		vault := scrubber.Credentials(services.NewVault(h.store, h.key, h.now))
		credential, err := vault.Credential(ctx, services.Scope{Vendor: vendorName, Class: "web"})
		if err != nil {
			return err
		}
		return fmt.Errorf("token %s: %w", credential["token"].Reveal(), vendormodules.ErrAuthentication)
	}), nil)
	agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
	answer := h.do(orderFor(agreement, proto.VerbCreate, "web", 1))
	refusal, _ := proto.AsRefusal(answer)
	if !strings.Contains(refusal.Message, services.Redacted) {
		t.Errorf("the cloud's words did not arrive: %q", refusal.Message)
	}
	status, err := json.Marshal(h.status())
	must(t, err)
	h.stop()
	h.mutex.Lock()
	events, err := json.Marshal(h.events)
	h.mutex.Unlock()
	must(t, err)
	said := log.String() + string(events) + string(status) + string(answer.Body)
	if strings.Contains(said, secret) {
		t.Error("the secret was said")
	}
	must(t, filepath.WalkDir(h.directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("the secret is in %s", path)
		}
		return err
	}))
}

type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}
