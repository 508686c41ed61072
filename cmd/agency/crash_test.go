//go:build crash

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

var (
	crashes = flag.Int("crashes", 100, "how often the agency is killed")
	seed    = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the moments")
)

// TestCrash kills the agency with SIGKILL at random moments of a submission, deployment, scaling, change or removal, starts
// it again, and finds every machine exactly once and nothing orphaned, the work finished or undone.
func TestCrash(t *testing.T) {
	t.Logf("go test -tags crash -run TestCrash ./cmd/agency -args -seed %d -crashes %d", *seed, *crashes)
	house := newCrashHouse(t)
	random := rand.New(rand.NewPCG(*seed, 0))
	ends := map[string]int{}
	for i := range *crashes {
		name := fmt.Sprintf("shop-%d", i)
		phase := []string{"deploy", "deploy", "deploy", "scale", "apply", "remove"}[random.IntN(6)]
		house.up()
		if phase != "deploy" {
			house.must("submit", house.descriptor, "--as", name, "--accept", "best")
			house.must("deploy", name)
		}
		house.crashDuring(phase, name, time.Duration(random.Int64N(int64(house.longest[phase]))))
		house.up()
		end := house.settle(name)
		if phase == "apply" {
			house.applied(name)
		}
		ends[phase+" -> "+end]++
		if end == "running" {
			house.exactlyOnce(name)
			house.must("remove", name, "-y")
		}
		house.nothingLeft(name)
		house.down()
	}
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		t.Logf("%4d  %s", ends[end], end)
	}
}

// crashHouse is an agency in a process of its own, driven by the command line as a person would.
type crashHouse struct {
	t                   *testing.T
	program, data       string
	descriptor, changed string // files
	environment         []string
	process             *exec.Cmd
	// longest is how long each phase takes here, within which the moment of the crash is chosen.
	longest map[string]time.Duration
}

const shop = `
name: shop
resources:
  web: { type: cluster, image: static-web, count: 2..4, run: ["web --listen $ADDRESS:8080 --db ${db.address}:5432"] }
  db: { type: compute, image: kv-store, volumes: { data: /var/lib/kv }, run: ["kv --listen $ADDRESS:5432 --data $ROOT/var/lib/kv"] }
  data: { type: volume, size: 64MiB }
  lan: { type: network, private: true, members: [web, front] }
  front: { type: load-balancer, targets: web, listen: 8080, check: { path: /healthz, every: 1s } }
`

// changedShop has its machines replaced one after another, its database under another agreement, and one class more.
const changedShop = `
name: shop
resources:
  web: { type: cluster, image: static-web, count: 2..4, environment: { LOOK: fancy }, run: ["web --listen $ADDRESS:8080 --db ${db.address}:5432"] }
  db: { type: compute, cores: 2, image: kv-store, volumes: { data: /var/lib/kv }, run: ["kv --listen $ADDRESS:5432 --data $ROOT/var/lib/kv"] }
  data: { type: volume, size: 64MiB }
  lan: { type: network, private: true, members: [web, front] }
  cache: { type: compute, image: kv-store, run: ["kv --listen $ADDRESS:5432 --data $ROOT/var/lib/kv"] }
  front: { type: load-balancer, targets: web, listen: 8080, check: { path: /healthz, every: 1s } }
`

func newCrashHouse(t *testing.T) *crashHouse {
	program, err := filepath.Abs("../../bin/agency")
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		t.Fatalf("the crash test drives the built program (make build): %v", err)
	}
	directory, err := os.MkdirTemp("", "agency-crash-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what it left is in %s", directory)
		} else if err := os.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
	house := &crashHouse{
		t: t, program: program, data: filepath.Join(directory, "data"), descriptor: filepath.Join(directory, "shop.yaml"),
		changed:     filepath.Join(directory, "changed.yaml"),
		environment: append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(directory, "state"), "NO_COLOR=1"),
	}
	for file, content := range map[string]string{house.descriptor: shop, house.changed: changedShop} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(house.down)
	house.measure()
	return house
}

// measure runs every phase once without a crash, to learn how long it takes.
func (h *crashHouse) measure() {
	h.longest = map[string]time.Duration{}
	h.up()
	for _, phase := range []string{"deploy", "scale", "apply", "remove"} {
		began := time.Now()
		for _, command := range h.commands(phase, "measured") {
			h.must(command...)
		}
		h.longest[phase] = time.Since(began)
	}
	h.nothingLeft("measured")
	h.down()
	h.t.Logf("each phase takes %v", h.longest)
}

func (h *crashHouse) commands(phase, name string) [][]string {
	switch phase {
	case "deploy":
		return [][]string{{"submit", h.descriptor, "--as", name, "--accept", "best"}, {"deploy", name}}
	case "scale":
		return [][]string{{"scale", name, "web=4"}}
	case "apply":
		return [][]string{{"apply", h.changed, "--as", name, "-y"}}
	}
	return [][]string{{"remove", name, "-y"}}
}

// up starts the agency and returns when it is ready.
func (h *crashHouse) up() {
	h.t.Helper()
	h.process = exec.Command(h.program, "up", "--data", h.data)
	h.process.Env = h.environment
	var complaints bytes.Buffer
	h.process.Stderr = &complaints
	output, err := h.process.StdoutPipe()
	if err == nil {
		err = h.process.Start()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "ready in") {
			go func() { // until the process ends and with it its output
				for lines.Scan() {
				}
			}()
			return
		}
	}
	h.t.Fatalf("the agency did not get ready: %s", complaints.String())
}

// down stops the agency in an orderly way.
func (h *crashHouse) down() {
	if h.process == nil {
		return
	}
	_ = h.process.Process.Signal(os.Interrupt)
	_ = h.process.Wait()
	h.process = nil
}

// crashDuring kills the agency some time after a phase has begun.
func (h *crashHouse) crashDuring(phase, name string, after time.Duration) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, arguments := range h.commands(phase, name) {
			command := exec.CommandContext(ctx, h.program, arguments...)
			command.Env = h.environment
			if command.Run() != nil {
				return
			}
		}
	}()
	time.Sleep(after) // the moment is what is random here; nothing waits for anything
	if err := h.process.Process.Kill(); err != nil {
		h.t.Fatal(err)
	}
	_ = h.process.Wait()
	h.process = nil
	cancel()
	<-ended
}

// settle brings what the crash left to its end as a person would, and says which.
func (h *crashHouse) settle(name string) string {
	h.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		status, found := h.status(name)
		switch {
		case !found && h.run("reject", name) == nil:
			return "never agreed on"
		case !found:
			if _, err := h.output("proposals", name, "-o", "json"); err != nil {
				return "never submitted"
			}
		case status.State == descriptors.DeploymentPlanned && status.Operation == "":
			h.must("deploy", name) // agreed on, and never told to the deployer
		case status.State == descriptors.DeploymentRunning && status.Operation == "":
			return "running"
		case status.State == descriptors.DeploymentRemoved:
			return "removed"
		case status.State == descriptors.DeploymentFailed:
			h.t.Fatalf("%s has failed: %s", name, status.Fault)
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, question := range [][]string{{"status", name}, {"proposals", name}, {"resources"}, {"events", name}} {
		output, err := h.output(question...)
		h.t.Logf("agency %s: %v\n%s", strings.Join(question, " "), err, output)
	}
	h.t.Fatalf("%s did not come to an end", name)
	return ""
}

// applied applies the change again, as a person would who does not know how far it came, and then once more: there is
// nothing left to change.
func (h *crashHouse) applied(name string) {
	h.t.Helper()
	again := []string{"apply", h.changed, "--as", name, "-y", "-o", "json"}
	for deadline := time.Now().Add(time.Minute); h.run(again...) != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.must(again...)
		}
	}
	if output, err := h.output(again...); err != nil || !strings.Contains(string(output), `"same": true`) {
		h.t.Errorf("%s: applied again there is something to change: %v: %s", name, err, output)
	}
}

func (h *crashHouse) status(name string) (proto.DeploymentStatus, bool) {
	h.t.Helper()
	output, err := h.output("status", name, "-o", "json")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		return proto.DeploymentStatus{}, false
	}
	var list proto.DeploymentList
	if err == nil {
		err = json.Unmarshal(output, &list)
	}
	if err != nil || len(list.Deployments) != 1 {
		h.t.Fatalf("status of %s: %v: %s", name, err, output)
	}
	return list.Deployments[0], true
}

// exactlyOnce makes sure that every resource wanted is there once: in the vendor's records, and as processes.
func (h *crashHouse) exactlyOnce(name string) {
	h.t.Helper()
	status, _ := h.status(name)
	want := status.Counts
	got, processes := map[string]int{}, 0
	for _, resource := range h.resources() {
		if resource.Quarantined || resource.State != vendormodules.ResourceRunning {
			h.t.Errorf("%s: %s is %s, quarantined %t", name, resource.Name, resource.State, resource.Quarantined)
		}
		got[resource.Ref.Class]++
		if resource.Type == descriptors.Compute || resource.Type == descriptors.LoadBalancer {
			processes++
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		h.t.Errorf("%s: resources are %v, want %v", name, got, want)
	}
	if kept := h.keepers(); len(kept) != processes || len(slices.Compact(kept)) != processes {
		h.t.Errorf("%s: %d keepers run for %d machines and balancers: %v", name, len(kept), processes, kept)
	}
}

// nothingLeft makes sure that neither a resource nor a process nor held capacity is left.
func (h *crashHouse) nothingLeft(name string) {
	h.t.Helper()
	if left := h.resources(); len(left) > 0 {
		h.t.Errorf("%s: left over: %+v", name, left)
	}
	if kept := h.keepers(); len(kept) > 0 {
		h.t.Errorf("%s: keepers left over: %v", name, kept)
	}
	var list proto.VendorList
	output, err := h.output("vendors", "-o", "json")
	if err == nil {
		err = json.Unmarshal(output, &list)
	}
	if err != nil {
		h.t.Fatalf("vendors: %v: %s", err, output)
	}
	for _, vendor := range list.Vendors {
		if vendor.Used != (vendormodules.Usage{}) {
			h.t.Errorf("%s: %s still counts %+v as used", name, vendor.Name, vendor.Used)
		}
	}
}

func (h *crashHouse) resources() []proto.ResourceStatus {
	h.t.Helper()
	var list proto.ResourceList
	output, err := h.output("resources", "-o", "json")
	if err == nil {
		err = json.Unmarshal(output, &list)
	}
	if err != nil {
		h.t.Fatalf("resources: %v: %s", err, output)
	}
	return list.Resources
}

// keepers are the directories of the keepers that run on this machine for this agency, sorted.
func (h *crashHouse) keepers() []string {
	h.t.Helper()
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		h.t.Fatal(err)
	}
	kept := []string{}
	for _, file := range commands {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		words := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		if len(words) == 3 && words[1] == "keeper" && strings.HasPrefix(words[2], h.data) {
			kept = append(kept, words[2])
		}
	}
	slices.Sort(kept)
	return kept
}

func (h *crashHouse) output(arguments ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, h.program, arguments...)
	command.Env = h.environment
	return command.Output()
}

func (h *crashHouse) run(arguments ...string) error {
	_, err := h.output(arguments...)
	return err
}

func (h *crashHouse) must(arguments ...string) {
	h.t.Helper()
	output, err := h.output(arguments...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		h.t.Fatalf("agency %s: %v\n%s%s", strings.Join(arguments, " "), err, output, exit.Stderr)
	}
	if err != nil {
		h.t.Fatalf("agency %s: %v", strings.Join(arguments, " "), err)
	}
}
