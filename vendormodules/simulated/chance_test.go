package simulated_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// capricious is a configuration with a bit of everything that can go wrong.
const capricious = `
latency: {any: 20ms..200ms, list: 1s}
failures:
  any: {transient: 10%, conflict: 5%}
  create: {transient: 5%, quota: 5%, no-capacity: 5%, authentication: 5%, lost: 10%}
listing: {shows-after: 0s..3s, lingers: 1s..2s}
boot: 1s..10s
boot-failures: 10%
deletion: 1s..2s
`

// history is everything that a client sees who makes, looks at and deletes machines, each with its own key.
func history(t *testing.T, seed int) []string {
	c := newCloud(t, fmt.Sprintf("%sseed: %d", capricious, seed))
	var seen []string
	note := func(what string, resource vendormodules.Resource, err error) {
		seen = append(seen, fmt.Sprintf("%s %s %s %v %v", what, resource.ID, resource.State, resource.Addresses, err))
	}
	for number := range 40 {
		made, err := c.Create(t.Context(), machine(fmt.Sprintf("web-%d", number)))
		note("create", made, err)
		c.later(time.Second)
		shown, err := c.Get(t.Context(), made.ID)
		note("get", shown, err)
		listed, err := c.List(t.Context())
		note(fmt.Sprintf("list %d", len(listed)), vendormodules.Resource{}, err)
		if number%3 == 0 {
			note("delete", made, c.Delete(t.Context(), made.ID))
		}
		if number == 20 {
			c.open(fmt.Sprintf("%sseed: %d", capricious, seed))
		}
	}
	return append(seen, c.now().String())
}

func TestEqualSeedsGiveEqualHistories(t *testing.T) {
	first, second, other := history(t, 7), history(t, 7), history(t, 8)
	for index := range first {
		if first[index] != second[index] {
			t.Fatalf("with the same seed it was %q, and then %q", first[index], second[index])
		}
	}
	if reflect.DeepEqual(first, other) {
		t.Error("another seed gave the same history")
	}
}

// What becomes of a call does not hang on the order in which calls about other things come.
func TestOrderOfCallsDecidesNothing(t *testing.T) {
	outcomes := func(together bool) map[string]string {
		c := newCloud(t, "{seed: 3, failures: {create: {transient: 50%}}}")
		var mutex sync.Mutex
		var calls sync.WaitGroup
		seen := map[string]string{}
		for number := range 30 {
			create := func() {
				key := fmt.Sprintf("web-%d", number)
				made, err := c.Create(t.Context(), machine(key))
				mutex.Lock()
				defer mutex.Unlock()
				seen[key] = fmt.Sprint(made.ID, err)
			}
			if together {
				calls.Go(create)
			} else {
				create()
			}
		}
		calls.Wait()
		return seen
	}
	if one, all := outcomes(false), outcomes(true); !reflect.DeepEqual(one, all) {
		t.Errorf("one after another: %v; together: %v", one, all)
	}
}

// Every kind of failure comes about as often as it is said, and as what it is said.
func TestFailureRates(t *testing.T) {
	c := newCloud(t, "failures: {create: {transient: 10%, quota: 10%, no-capacity: 10%, conflict: 10%, authentication: 10%, lost: 10%}}")
	const calls = 2000
	kinds := map[string]error{
		"transient": vendormodules.ErrTransient, "quota": vendormodules.ErrQuota, "no capacity": vendormodules.ErrNoCapacity,
		"conflict": vendormodules.ErrConflict, "authentication": vendormodules.ErrAuthentication,
	}
	counts := map[string]int{}
	lost, fine := 0, 0
	for number := range calls {
		_, err := c.Create(t.Context(), machine(fmt.Sprintf("web-%d", number)))
		switch {
		case err == nil:
			fine++
		case strings.Contains(err.Error(), "answer was lost"):
			lost++
		}
		for kind, sentinel := range kinds {
			if errors.Is(err, sentinel) {
				counts[kind]++
			}
		}
	}
	near := func(what string, count, want int) {
		if math.Abs(float64(count-want)) > 4*math.Sqrt(float64(want)) {
			t.Errorf("%s: %d of %d calls, want about %d", what, count, calls, want)
		}
	}
	near("lost", lost, calls/10)
	near("transient, those that were lost too", counts["transient"], calls/5)
	for _, kind := range []string{"quota", "no capacity", "conflict", "authentication"} {
		near(kind, counts[kind], calls/10)
	}
	if stands := c.listed(); stands != fine+lost {
		t.Errorf("%d stand; %d creates worked and %d worked and were lost", stands, fine, lost)
	}
}

func TestLostAnswer(t *testing.T) {
	for token, want := range map[bool]int{true: 1, false: 2} {
		c := newCloud(t, fmt.Sprintf("{create-token: %v, failures: {create: {lost: 100%%}}, lost-after: 30s, listing: {shows-after: 1m}}", token))
		for range 2 {
			began := c.now()
			if _, err := c.Create(t.Context(), machine("web")); !errors.Is(err, vendormodules.ErrTransient) {
				t.Errorf("a lost create answers %v", err)
			}
			if waited := c.now().Sub(began); waited != 30*time.Second {
				t.Errorf("its caller waited %s", waited)
			}
		}
		c.later(time.Minute)
		if stands := c.listed(); stands != want {
			t.Errorf("with create-token %v two lost creates made %d, want %d", token, stands, want)
		}
	}
}

func TestLateListings(t *testing.T) {
	c := newCloud(t, "{listing: {shows-after: 5s, lingers: 3s}, boot: 2s, deletion: 1s}")
	made := c.create(machine("web"))
	if c.listed() != 0 {
		t.Error("listed at once")
	}
	if shown, err := c.Get(t.Context(), made.ID); err != nil || shown.State != vendormodules.ResourceCreating {
		t.Errorf("Get shows %v, %v", shown.State, err)
	}
	c.later(5 * time.Second)
	if c.listed() != 1 {
		t.Error("not listed when it should be")
	}
	must(t, c.Delete(t.Context(), made.ID))
	c.later(2 * time.Second)
	if _, err := c.Get(t.Context(), made.ID); !errors.Is(err, vendormodules.ErrNotFound) {
		t.Errorf("Get of what is gone: %v", err)
	}
	if c.listed() != 1 {
		t.Error("what is gone does not linger")
	}
	c.later(2 * time.Second)
	if c.listed() != 0 {
		t.Error("it lingers for ever")
	}
}

func TestLimits(t *testing.T) {
	c := newCloud(t, "{quotas: {instances: 4}, capacity: {instances: 9, cores: 2}, deletion: 10s}")
	if told, err := c.Capacity(t.Context()); err != nil || told != (vendormodules.Usage{Instances: 4, Cores: 2}) {
		t.Errorf("told are %+v, %v", told, err)
	}
	first := c.create(machine("a"))
	c.create(machine("b"))
	if _, err := c.Create(t.Context(), machine("c")); !errors.Is(err, vendormodules.ErrNoCapacity) {
		t.Errorf("beyond the capacity: %v", err)
	}
	c.open("{quotas: {instances: 2}, capacity: {cores: 3}, deletion: 10s}")
	if _, err := c.Create(t.Context(), machine("c")); !errors.Is(err, vendormodules.ErrQuota) {
		t.Errorf("beyond the quota: %v", err)
	}
	must(t, c.Delete(t.Context(), first.ID))
	if _, err := c.Create(t.Context(), machine("c")); !errors.Is(err, vendormodules.ErrQuota) {
		t.Errorf("what is being deleted still counts: %v", err)
	}
	c.later(10 * time.Second)
	c.create(machine("c"))
}

func TestBootFailures(t *testing.T) {
	c := newCloud(t, "{boot: 1s, boot-failures: 100%}")
	made := c.create(machine("web"))
	c.later(time.Second)
	shown, err := c.Get(t.Context(), made.ID)
	if err != nil || shown.State != vendormodules.ResourceError || shown.Fault == "" {
		t.Errorf("it is %s, %q, %v", shown.State, shown.Fault, err)
	}
}

func TestLatencyEndsWithItsContext(t *testing.T) {
	account := openStore(t)
	module, err := simulatedModule(t, "latency: {create: 1h}", account)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := module.Create(ctx, machine("web")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Create: %v", err)
	}
	if listed, err := module.List(t.Context()); err != nil || len(listed) != 0 {
		t.Errorf("it had an effect: %v, %v", listed, err)
	}
}

func TestPricesOverTime(t *testing.T) {
	c := newCloud(t, `
price-steps: [{from: 1h, factor: 2}]
daily-prices: [{from: 6h, factor: 1}, {from: 18h, factor: 0.5}]`)
	class := descriptors.Class{Type: descriptors.Compute, Cores: 2}
	for _, moment := range []struct {
		later time.Duration
		want  string
	}{
		{0, "0.01 EUR/h"}, // at midnight the evening's price holds
		{time.Hour, "0.02 EUR/h"},
		{6 * time.Hour, "0.04 EUR/h"},
		{11 * time.Hour, "0.02 EUR/h"},
	} {
		c.later(moment.later)
		quote, err := c.Quote(t.Context(), class)
		must(t, err)
		if quote.Unit.String() != moment.want {
			t.Errorf("at %s it costs %s, want %s", c.now(), quote.Unit, moment.want)
		}
	}
	c.open("price-steps: [{from: 1h, factor: 3}]") // the steps count from the first opening
	if quote, err := c.Quote(t.Context(), class); err != nil || quote.Unit.String() != "0.06 EUR/h" {
		t.Errorf("opened again it costs %s, %v", quote.Unit, err)
	}
}
