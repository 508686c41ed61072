package ptc_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// TestAShop runs a whole application: web machines behind a balancer, and a store with its data on a volume.
func TestAShop(t *testing.T) {
	b := newBench(t)
	lan := b.start(request(descriptors.Class{Type: descriptors.Network, Private: true}, "lan"))
	data := b.start(request(descriptors.Class{Type: descriptors.Volume, Size: size}, "data"))

	db := request(descriptors.Class{Type: descriptors.Compute, Image: "kv-store", Allow: map[int]descriptors.Names{5432: {"web"}}}, "db-1")
	db.Networks, db.Volumes = []string{lan.ID}, []vendormodules.VolumeMount{{Volume: data.ID, Mount: "/var/lib/kv"}}
	database := b.start(db)

	var targets []vendormodules.Target
	for _, name := range []string{"web-1", "web-2"} {
		class := descriptors.Class{
			Type: descriptors.Compute, Image: "static-web",
			Run: []string{"web --listen $ADDRESS:8080 --db " + database.Addresses[0].Address + ":5432"},
		}
		web := request(class, name)
		web.Networks = []string{lan.ID}
		machine := b.start(web)
		targets = append(targets, vendormodules.Target{Name: name, Address: machine.Addresses[0].Address, Port: 8080})
	}
	balancer := request(descriptors.Class{
		Type: descriptors.LoadBalancer, Listen: 8080, Check: descriptors.Check{Path: "/healthz", Every: quantity.Duration(100e6)},
	}, "front-1")
	balancer.Networks, balancer.Targets = []string{lan.ID}, targets
	front := b.start(balancer)
	page := "http://" + front.Addresses[0].Address + ":8080/whoami"
	servedBy := func(names ...string) {
		t.Helper()
		vendortest.Eventually(t, wait, fmt.Sprintf("%q serve", names), func() error {
			seen := map[string]bool{}
			for range 10 {
				response, _, err := fetch(t.Context(), page)
				if err != nil {
					return err
				}
				seen[response.Header.Get("X-Served-By")] = true
			}
			for _, name := range names {
				if !seen[name] || len(seen) != len(names) {
					return fmt.Errorf("served by %v", seen)
				}
			}
			return nil
		})
	}
	servedBy("web-1", "web-2")

	visits := b.visits(page)
	b.killProcess(database.ID, "image kv")
	vendortest.Eventually(t, wait, "the store comes back", func() error {
		_, body, err := fetch(t.Context(), page)
		if err == nil && !strings.Contains(body, "visits") {
			err = fmt.Errorf("the page is %q", body)
		}
		return err
	})
	if after := b.visits(page); after <= visits {
		t.Errorf("%d visits were counted, and %d after the store was killed", visits, after)
	}
	b.warns(database.ID, "has ended once")

	if err := b.SetTargets(t.Context(), front.ID, targets[1:]); err != nil {
		t.Fatal(err)
	}
	servedBy("web-2")
	if err := b.Reboot(t.Context(), front.ID); err != nil {
		t.Fatal(err)
	}
	b.until(front.ID, vendormodules.ResourceRunning)
	servedBy("web-2")
	measured := b.measure(front.ID)
	if measured["requests"] < 10 || measured["targets"] != 1 || measured["healthy-targets"] != 1 || measured["memory-bytes"] <= 0 ||
		measured["response-time-p95-seconds"] <= 0 {
		t.Errorf("the balancer measures %v", measured)
	}
	b.prints(front.ID, "web-2 at "+targets[1].Address)
}

// visits is what a page says of its visits.
func (b *bench) visits(page string) (count int) {
	b.Helper()
	_, body, err := fetch(b.Context(), page)
	if err != nil {
		b.Fatal(err)
	}
	_, text, _ := strings.Cut(body, `"visits":`)
	if _, err := fmt.Sscanf(text, "%d", &count); err != nil {
		b.Errorf("%q: %v", body, err)
	}
	return count
}

// killProcess kills the process of a machine whose command line has a text in it.
func (b *bench) killProcess(id, text string) {
	b.Helper()
	for _, process := range processes(string(b.at(id))) {
		if strings.Contains(process, text) && !strings.Contains(process, "--confine") {
			var pid int
			if _, err := fmt.Sscan(process, &pid); err != nil {
				b.Fatal(err)
			}
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				b.Fatal(err)
			}
			return
		}
	}
	b.Fatalf("no process of %s has %q in its command line", id, text)
}
