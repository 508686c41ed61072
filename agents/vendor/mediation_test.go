//go:build testbed

package vendor_test

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// runs is how often each operation is measured; the figures are medians.
var runs = flag.Int("runs", 30, "how often each operation of the mediation is measured")

// way is one way of doing things at a cloud: by its SDK, by a module, through the agency, by another library. What it
// lacks is nil. Operations that change something return when the change has come about.
type way struct {
	flavors, images, list               func() error
	create                              func(number int) (id string, err error)
	show, stop, start, reboot, remove   func(id string) error
	balancers                           func() error
	createBalancer                      func(number int) (id string, err error)
	showBalancer, retarget, endBalancer func(id string) error
}

// wire counts what goes over the line to a cloud.
type wire struct {
	base                        http.RoundTripper
	requests, logins, sent, got atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	w.requests.Add(1)
	w.sent.Add(max(request.ContentLength, 0) + headerBytes(request.Header) + int64(len(request.URL.RequestURI())))
	if strings.HasSuffix(request.URL.Path, "/auth/tokens") && request.Method == http.MethodPost { // Keystone's
		w.logins.Add(1)
	}
	response, err := w.base.RoundTrip(request)
	if err == nil {
		w.got.Add(max(response.ContentLength, 0) + headerBytes(response.Header))
	}
	return response, err
}

func headerBytes(header http.Header) (bytes int64) {
	for name, values := range header {
		for _, value := range values {
			bytes += int64(len(name) + len(value) + len(": \r\n"))
		}
	}
	return bytes
}

// figure is what was measured of one operation done one way.
type figure struct {
	took      []time.Duration
	sent, got int64
}

func (f figure) median() time.Duration {
	slices.Sort(f.took)
	return f.took[len(f.took)/2]
}

// sheet has the figures by operation and way.
type sheet struct {
	t          *testing.T
	cloud      string
	operations []string
	figures    map[string]map[string]*figure
}

// time measures one operation, if the way has it.
func (s *sheet) time(way, operation string, line *wire, do func() error) {
	s.t.Helper()
	if do == nil {
		return
	}
	var sent, got int64
	if line != nil {
		sent, got = line.sent.Load(), line.got.Load()
	}
	began := time.Now()
	if err := do(); err != nil {
		s.t.Fatalf("%s: %s by %s: %v", s.cloud, operation, way, err)
	}
	took := time.Since(began)
	if !slices.Contains(s.operations, operation) {
		s.operations = append(s.operations, operation)
	}
	if s.figures[operation] == nil {
		s.figures[operation] = map[string]*figure{}
	}
	one := s.figures[operation][way]
	if one == nil {
		one = &figure{}
		s.figures[operation][way] = one
	}
	one.took = append(one.took, took)
	if line != nil {
		one.sent, one.got = one.sent+line.sent.Load()-sent, one.got+line.got.Load()-got
	}
}

// on makes an operation of one that is about something of an id.
func on(id string, do func(id string) error) func() error {
	if do == nil {
		return nil
	}
	return func() error { return do(id) }
}

// live goes through the life of a machine, and of a balancer, one way.
func (s *sheet) live(name string, way way, line *wire, number int) {
	s.t.Helper()
	var id string
	s.time(name, "list-hardware-profiles", line, way.flavors)
	s.time(name, "list-images", line, way.images)
	s.time(name, "create-instance", line, func() (err error) { id, err = way.create(number); return err })
	s.time(name, "list-instances", line, way.list)
	s.time(name, "show-instance", line, on(id, way.show))
	s.time(name, "stop-instance", line, on(id, way.stop))
	s.time(name, "start-instance", line, on(id, way.start))
	s.time(name, "reboot-instance", line, on(id, way.reboot))
	s.time(name, "delete-instance", line, on(id, way.remove))
	if way.createBalancer == nil {
		return
	}
	s.time(name, "create-load-balancer", line, func() (err error) { id, err = way.createBalancer(number); return err })
	s.time(name, "list-load-balancers", line, way.balancers)
	s.time(name, "show-load-balancer", line, on(id, way.showBalancer))
	s.time(name, "associate-load-balancer", line, on(id, way.retarget))
	s.time(name, "delete-load-balancer", line, on(id, way.endBalancer))
}

// ways in the order of the tables.
var ways = []string{"sdk", "module", "agency", "libcloud"}

// print writes every figure as a benchmark's line, and then a table with the ratios side by side.
func (s *sheet) print() {
	for _, operation := range s.operations {
		for _, way := range ways {
			if one := s.figures[operation][way]; one != nil {
				count := int64(len(one.took))
				fmt.Printf("BenchmarkMediation/%s/%s/way=%s %d %d ns/op %d request-B/op %d response-B/op\n",
					s.cloud, operation, way, count, one.median().Nanoseconds(), one.sent/count, one.got/count)
			}
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "%s, ms\tsdk\tmodule\tagency\tlibcloud\tagency/sdk\tagency-module\t\n", s.cloud)
	for _, operation := range s.operations {
		fmt.Fprintf(table, "%s\t", operation)
		for _, way := range ways {
			if one := s.figures[operation][way]; one != nil {
				fmt.Fprintf(table, "%.2f\t", milliseconds(one.median()))
			} else {
				fmt.Fprint(table, "-\t")
			}
		}
		direct, mediated, module := s.figures[operation]["sdk"], s.figures[operation]["agency"], s.figures[operation]["module"]
		if direct != nil && mediated != nil {
			fmt.Fprintf(table, "%.2f\t", float64(mediated.median())/float64(direct.median()))
		} else {
			fmt.Fprint(table, "-\t")
		}
		if module != nil && mediated != nil {
			fmt.Fprintf(table, "%+.2f\t", milliseconds(mediated.median()-module.median()))
		} else {
			fmt.Fprint(table, "-\t")
		}
		fmt.Fprintln(table)
	}
	must(s.t, table.Flush())
}

func milliseconds(length time.Duration) float64 { return float64(length.Microseconds()) / 1000 }

// mediation is a cloud whose operations are measured by its SDK, by its module and through the agency, in one run.
type mediation struct {
	cloud string
	// open makes a module for an agency; what it sends goes over the line where its SDK speaks HTTP.
	open              func(t testing.TB, agency string, line http.RoundTripper) vendormodules.Module
	direct            func(t *testing.T, line http.RoundTripper) way
	machine, balancer descriptors.Class // no balancer if it has no type
}

// measure goes through all operations one way after the other, again and again, and prints the figures. More adds those of
// yet another library.
func (m mediation) measure(t *testing.T, more func(*sheet)) {
	figures := &sheet{t: t, cloud: m.cloud, figures: map[string]map[string]*figure{}}
	lines := map[string]*wire{}
	for _, name := range ways[:3] {
		base := http.DefaultTransport.(*http.Transport).Clone()
		defer base.CloseIdleConnections()
		lines[name] = &wire{base: base}
	}
	module := m.open(t, "mediation", lines["module"])
	defer func() { must(t, module.Close()) }()
	h := newHouse(t, func(h *house) {
		h.open = func(agency string) vendormodules.Module { return m.open(t, agency, lines["agency"]) }
	})
	classes := map[string]descriptors.Class{"web": m.machine}
	if m.balancer.Type != "" {
		classes["front"] = m.balancer
	}
	agreement := h.agree(classes)
	all := map[string]way{
		"sdk": m.direct(t, lines["sdk"]), "module": byModule(t, module, m.machine, m.balancer),
		"agency": throughAgency(h, agreement, classes),
	}
	for number := range *runs {
		for _, name := range ways[:3] {
			figures.live(name, all[name], lines[name], number)
		}
	}
	more(figures)
	figures.print()
	for _, name := range ways[:3] {
		if requests := lines[name].requests.Load(); requests > 0 {
			fmt.Printf("%s by %s: %d requests", m.cloud, name, requests)
			if logins := lines[name].logins.Load(); logins > 0 {
				fmt.Printf(", %d logins", logins)
			}
			fmt.Println()
		}
	}
}

// byModule does things by a module, without an agent.
func byModule(t *testing.T, module vendormodules.Module, machine, balancer descriptors.Class) way {
	abilities := vendormodules.AbilitiesOf(module)
	tags := vendormodules.Tags{Agency: "mediation", Deployment: "mediation", Class: "web", Agreement: "mediation"}
	until := func(id string, state vendormodules.ResourceState) error {
		return await(func() (bool, error) {
			shown, err := module.Get(t.Context(), id)
			if err == nil && shown.State == vendormodules.ResourceError {
				err = fmt.Errorf("%s failed: %s", id, shown.Fault)
			}
			return shown.State == state, err
		})
	}
	make := func(kind string, class descriptors.Class, number int) (string, error) {
		key := fmt.Sprintf("mediation-%s-%d-%d", kind, number, time.Now().UnixNano())
		made, err := module.Create(t.Context(), vendormodules.Request{Key: key, Name: kind, Tags: tags, Class: class})
		if err != nil {
			return "", err
		}
		return made.ID, until(made.ID, vendormodules.ResourceRunning)
	}
	list := func() error { _, err := module.List(t.Context()); return err }
	show := func(id string) error { _, err := module.Get(t.Context(), id); return err }
	remove := func(id string) error {
		if err := module.Delete(t.Context(), id); err != nil {
			return err
		}
		return await(func() (bool, error) { return isGone(module.Get(t.Context(), id)) })
	}
	done := way{
		list: list, show: show, remove: remove,
		create: func(number int) (string, error) { return make("web", machine, number) },
		stop: func(id string) error {
			if err := abilities.Power.Stop(t.Context(), id); err != nil {
				return err
			}
			return until(id, vendormodules.ResourceStopped)
		},
		start: func(id string) error {
			if err := abilities.Power.Start(t.Context(), id); err != nil {
				return err
			}
			return until(id, vendormodules.ResourceRunning)
		},
		reboot: func(id string) error {
			if err := abilities.Power.Reboot(t.Context(), id); err != nil {
				return err
			}
			return until(id, vendormodules.ResourceRunning)
		},
	}
	if abilities.Catalogue != nil {
		done.flavors = func() error { _, err := abilities.Catalogue.Flavors(t.Context()); return err }
		done.images = func() error { _, err := abilities.Catalogue.Images(t.Context()); return err }
	}
	if abilities.Balancer != nil && balancer.Type != "" {
		done.balancers, done.showBalancer, done.endBalancer = list, show, remove
		done.createBalancer = func(number int) (string, error) { return make("front", balancer, number) }
		done.retarget = func(id string) error {
			if err := abilities.Balancer.SetTargets(t.Context(), id, someTargets()); err != nil {
				return err
			}
			return until(id, vendormodules.ResourceRunning)
		}
	}
	return done
}

func someTargets() []vendormodules.Target {
	return []vendormodules.Target{{Name: "web-1", Address: "10.0.0.77", Port: 8080}}
}

// isGone says whether what Get answers is that there is no such thing.
func isGone(_ vendormodules.Resource, err error) (bool, error) {
	if errors.Is(err, vendormodules.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// lookEvery is how often whoever waits without an agent looks again.
const lookEvery = 50 * time.Millisecond

// await looks again until something has come about.
func await(look func() (bool, error)) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for end := time.Now().Add(2 * time.Minute); ; <-ticker.C {
		done, err := look()
		if err != nil || done {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within two minutes")
		}
	}
}

// throughAgency does things by a vendor agent over the bus, with everything that it writes down.
func throughAgency(h *house, agreement sla.Agreement, classes map[string]descriptors.Class) way {
	sequences := map[string]uint64{}
	give := func(class string, number int, verb proto.ResourceVerb, change func(*order)) error {
		key := fmt.Sprintf("%s %d", class, number)
		sequences[key]++
		made := orderFor(agreement, verb, class, sequences[key])
		made.Resource.Generation = number + 1
		if made.Class != nil {
			content := classes[class]
			made.Class = &content
		}
		if change != nil {
			change(&made)
		}
		h.done(made)
		return nil
	}
	current := 0
	verb := func(class string, verb proto.ResourceVerb) func(string) error {
		return func(string) error { return give(class, current, verb, nil) }
	}
	list := func() error { h.list(); return nil }
	done := way{
		list: list, show: func(string) error { h.question(proto.TopicResources, agreement.Deployment); return nil },
		flavors: func() error { h.question(proto.TopicFlavors, ""); return nil },
		images:  func() error { h.question(proto.TopicImages, ""); return nil },
		create: func(number int) (string, error) {
			current = number
			return "", give("web", number, proto.VerbCreate, nil)
		},
		stop: verb("web", proto.VerbStop), start: verb("web", proto.VerbStart), reboot: verb("web", proto.VerbReboot),
		remove: verb("web", proto.VerbDelete),
	}
	if _, has := classes["front"]; has {
		done.balancers, done.showBalancer = list, done.show
		done.createBalancer = func(number int) (string, error) {
			current = number
			return "", give("front", number, proto.VerbCreate, nil)
		}
		done.retarget = func(string) error {
			return give("front", current, proto.VerbSetTargets, func(o *order) { o.Targets = someTargets() })
		}
		done.endBalancer = verb("front", proto.VerbDelete)
	}
	return done
}
