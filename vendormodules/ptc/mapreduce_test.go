package ptc_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/images/mapreduce"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// jobMachine is a machine of a job that counts the digits of numbers.
func jobMachine(name string, run ...string) vendormodules.Request {
	return request(descriptors.Class{
		Type: descriptors.Compute, Image: descriptors.MapReduceImage, Run: run,
		Environment: map[string]string{
			// The first worker never comes to an end with anything.
			descriptors.MapReduceMapper:  `[ $NAME = words-1 ] && exec sleep 1000; fold -w 1 | awk 'length { print $0 "\t1" }'`,
			descriptors.MapReduceReducer: `awk -F '\t' '{ n[$1] += $2 } END { for (k in n) print k "\t" n[k] }'`,
			descriptors.MapReduceToken:   "between-us",
		},
	}, name)
}

// TestAJobOutlivesItsWorkers kills a worker in the midst of a task, then stops its machine in the midst of the next; what it
// was at is done by another. Then the coordinator's machine is started anew, and still has the result.
func TestAJobOutlivesItsWorkers(t *testing.T) {
	b := newBench(t)
	coordinator := b.start(jobMachine("words-coordinator-1", `mkdir -p $ROOT/srv/input; seq 1 3000 >$ROOT/srv/input/numbers; `+
		`exec map-reduce coordinator --listen "$ADDRESS:8088" --split 1024 --lease 1s --attempts 50`))
	address := coordinator.Addresses[0].Address + ":8088"
	worker := fmt.Sprintf("exec map-reduce worker --coordinator %s", address)
	lost := b.start(jobMachine("words-1", worker))
	b.until(lost.ID, vendormodules.ResourceRunning)
	at := func(status mapreduce.Status) bool {
		return slices.ContainsFunc(status.Workers, func(one mapreduce.WorkerStatus) bool {
			return one.Name == "words-1" && len(one.Tasks) == 1
		})
	}
	b.job(address, "words-1 is at a task", at)

	b.killProcess(lost.ID, "image map-reduce")
	b.job(address, "the killed worker is missed, and comes back", func(status mapreduce.Status) bool {
		return status.Counters["lost-attempts"] > 0 && at(status)
	})
	b.start(jobMachine("words-2", worker))
	b.job(address, "words-2 has done everything else", func(status mapreduce.Status) bool {
		return status.Maps.Done == status.Maps.Total-1
	})
	if err := b.Stop(t.Context(), lost.ID); err != nil {
		t.Fatal(err)
	}
	done := func(status mapreduce.Status) bool { return status.State == "done" }
	status := b.job(address, "the job is done", done)
	if status.Maps.Total < 10 || status.Reduces.Done != 1 {
		t.Errorf("%+v", status)
	}
	_, output, err := fetch(t.Context(), "http://"+address+"/output")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(strings.Lines(output)), digits(3000); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}

	if err := b.Reboot(t.Context(), coordinator.ID); err != nil {
		t.Fatal(err)
	}
	b.until(coordinator.ID, vendormodules.ResourceRunning)
	b.job(address, "the result is still there", done)
	if _, again, err := fetch(t.Context(), "http://"+address+"/output"); err != nil || again != output {
		t.Errorf("%q, before it was %q: %v", again, output, err)
	}
}

// digits are how often each digit is in the numbers from 1, as the job writes it.
func digits(most int) []string {
	var counts [10]int
	for number := range most {
		for _, digit := range fmt.Sprint(number + 1) {
			counts[digit-'0']++
		}
	}
	var lines []string
	for digit, count := range counts {
		lines = append(lines, fmt.Sprintf("%d\t%d\n", digit, count))
	}
	return lines
}

// job waits until a job stands as a condition wants it.
func (b *bench) job(address, what string, condition func(mapreduce.Status) bool) (status mapreduce.Status) {
	b.Helper()
	vendortest.Eventually(b.T, wait, what, func() error {
		_, body, err := fetch(b.Context(), "http://"+address+"/status")
		status = mapreduce.Status{}
		if err == nil {
			err = json.Unmarshal([]byte(body), &status)
		}
		if err == nil && !condition(status) {
			err = fmt.Errorf("the job: %s", body)
		}
		return err
	})
	return status
}
