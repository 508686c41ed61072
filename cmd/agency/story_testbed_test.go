//go:build testbed

package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// TestStory has examples/webshop.yaml brokered by five vendors, each before a cloud of another kind, and follows it to its
// end twice: where the containers and the virtual machines of this host are cheapest, and where OpenStack and vSphere are.
// Each cloud is asked by its own means, before and after.
func TestStory(t *testing.T) {
	clouds := []cloud{newPtc(), newDocker(t), newLibvirt(t), newOpenStack(t), newVsphere(t)}
	for _, chapter := range []struct {
		name     string
		cheapest map[string]string // vendor to the price of an hour of a core there
		serves   map[string]string // class to vendor
	}{
		{
			"containers and virtual machines", map[string]string{"docker": "0.001 EUR", "libvirt": "0.0005 EUR"},
			map[string]string{"web": "docker", "front": "docker", "lan": "docker", "db": "libvirt", "data": "libvirt"},
		},
		{
			"openstack and vsphere", map[string]string{"openstack": "0.001 EUR", "vsphere": "0.0005 EUR"},
			map[string]string{"web": "openstack", "front": "openstack", "lan": "openstack", "db": "vsphere", "data": "vsphere"},
		},
	} {
		t.Run(chapter.name, func(t *testing.T) {
			house := newStoryHouse(t, clouds, chapter.cheapest)
			house.bids(clouds, chapter.serves)
			house.must("accept", "webshop")
			house.must("deploy", "webshop")
			house.standsAs(clouds, chapter.serves, 2)
			house.must("scale", "webshop", "web=4")
			house.standsAs(clouds, chapter.serves, 4)
			house.must("remove", "webshop", "-y")
			for _, one := range clouds {
				vendortest.Eventually(t, time.Minute, one.name()+" is empty of the agency", func() error {
					if left := one.machines(t); len(left) > 0 {
						return fmt.Errorf("its own listing shows %q", left)
					}
					return nil
				})
			}
		})
	}
}

// cloud is one that a vendor of the story stands before.
type cloud interface {
	name() string
	// configuration of its vendor but for terms and prices, indented by four; credential is what is stored for it, if any.
	configuration() string
	credential() string
	// machines that the agency made, by the cloud's own listing.
	machines(t *testing.T) []string
}

// storyHouse is an agency in a process of its own, driven by the command line.
type storyHouse struct {
	*testing.T
	program, data string
	environment   []string
}

func newStoryHouse(t *testing.T, clouds []cloud, cheapest map[string]string) *storyHouse {
	t.Helper()
	program, err := filepath.Abs("../../bin/agency")
	fatal(t, err)
	directory := t.TempDir()
	house := &storyHouse{
		T: t, program: program, data: filepath.Join(directory, "data"),
		environment: append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(directory, "state"), "NO_COLOR=1"),
	}
	configuration := "vendors:\n"
	for _, one := range clouds {
		price, found := cheapest[one.name()]
		if !found {
			price = "0.010 EUR"
		}
		configuration += fmt.Sprintf("  %s:\n%s\n    prices: { core-hour: %s, gib-hour: 0.0001 EUR }\n", one.name(), one.configuration(), price)
	}
	file := filepath.Join(directory, "agency.yaml")
	fatal(t, os.WriteFile(file, []byte(configuration), 0o600))
	house.up(file)
	for _, one := range clouds {
		if content := one.credential(); content != "" {
			secret := filepath.Join(directory, one.name())
			fatal(t, os.WriteFile(secret, []byte(content), 0o600))
			house.must("credentials", "set", "--vendor", one.name(), "--from", secret)
		}
	}
	return house
}

// up starts the agency, and returns when it is ready.
func (h *storyHouse) up(configuration string) {
	h.Helper()
	process := exec.Command(h.program, "up", "--data", h.data, "--config", configuration)
	process.Env = h.environment
	var complaints bytes.Buffer
	process.Stderr = &complaints
	output, err := process.StdoutPipe()
	fatal(h.T, err)
	fatal(h.T, process.Start())
	h.Cleanup(func() {
		_ = process.Process.Signal(os.Interrupt)
		_ = process.Wait()
		if h.Failed() {
			h.Logf("the agency said: %s", complaints.String())
		}
	})
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "ready in") {
			go func() { // until the process ends, and with it its output
				for lines.Scan() {
				}
			}()
			return
		}
	}
	h.Fatalf("the agency did not get ready: %s", complaints.String())
}

func (h *storyHouse) must(arguments ...string) []byte {
	h.Helper()
	command := exec.Command(h.program, arguments...)
	command.Env = h.environment
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		h.Fatalf("agency %s: %v\n%s%s", strings.Join(arguments, " "), err, output, complaints.String())
	}
	return output
}

// bids submits the web shop, and sees that every vendor offers something and that the best plan mixes those expected.
func (h *storyHouse) bids(clouds []cloud, serves map[string]string) {
	h.Helper()
	h.must("submit", "../../examples/webshop.yaml")
	var offers proto.Offers
	fatal(h.T, json.Unmarshal(h.must("proposals", "webshop", "-o", "json"), &offers))
	for _, one := range clouds {
		if !slices.ContainsFunc(offers.Proposals, func(proposal sla.Proposal) bool { return proposal.Vendor == one.name() }) {
			h.Errorf("%s offers nothing: %+v", one.name(), offers.Refusals[one.name()])
		}
	}
	if len(offers.Plans) == 0 {
		h.Fatalf("no plan: %s", h.must("proposals", "webshop"))
	}
	got := map[string]string{}
	for _, leg := range offers.Plans[0].Legs {
		for _, class := range leg.Classes {
			got[class] = leg.Vendor
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(serves) {
		h.Fatalf("the best plan is %v, not %v\n%s", got, serves, h.must("proposals", "webshop"))
	}
}

// standsAs sees that every resource runs where it was agreed on, and that the clouds themselves show the machines.
func (h *storyHouse) standsAs(clouds []cloud, serves map[string]string, webs int) {
	h.Helper()
	var list proto.ResourceList
	fatal(h.T, json.Unmarshal(h.must("resources", "-o", "json"), &list))
	counts, machines := map[string]int{}, map[string]int{}
	for _, resource := range list.Resources {
		if resource.Vendor != serves[resource.Ref.Class] || resource.State != vendormodules.ResourceRunning {
			h.Errorf("%s is %s at %s", resource.Name, resource.State, resource.Vendor)
		}
		counts[resource.Ref.Class]++
		if resource.Type == descriptors.Compute {
			machines[resource.Vendor]++
		}
	}
	if want := map[string]int{"web": webs, "db": 1, "data": 1, "lan": 1, "front": 1}; fmt.Sprint(counts) != fmt.Sprint(want) {
		h.Errorf("there are %v, not %v", counts, want)
	}
	for _, one := range clouds {
		if shown := one.machines(h.T); len(shown) != machines[one.name()] {
			h.Errorf("%s shows %d machines, not %d: %q", one.name(), len(shown), machines[one.name()], shown)
		}
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
