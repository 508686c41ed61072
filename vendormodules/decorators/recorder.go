package decorators

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// Recorder keeps figures of calls, in a space that does not grow with their number. The zero Recorder is ready.
type Recorder struct {
	mutex      sync.Mutex
	operations map[Operation]*figures
}

// Figures tell of the calls of one operation. Percentiles of durations are right to a tenth; they are zero without calls.
type Figures struct {
	Operation Operation `json:"operation" yaml:"operation"`
	Calls     int       `json:"calls" yaml:"calls"`
	// Errors counts the calls that failed, by the kind of their error.
	Errors  map[ErrorKind]int `json:"errors,omitempty" yaml:"errors,omitempty"`
	Total   quantity.Duration `json:"total" yaml:"total"`
	P50     quantity.Duration `json:"p50" yaml:"p50"`
	P95     quantity.Duration `json:"p95" yaml:"p95"`
	P99     quantity.Duration `json:"p99" yaml:"p99"`
	Longest quantity.Duration `json:"longest" yaml:"longest"`
}

// Durations are counted in buckets, bucketsPerDoubling for each doubling from a microsecond up; the last bucket, which
// begins above an hour, takes all that is longer.
const (
	bucketsPerDoubling = 8
	buckets            = 32*bucketsPerDoubling + 1
)

// figures are the sums that Figures are made of.
type figures struct {
	calls          int
	errors         map[ErrorKind]int
	total, longest time.Duration
	durations      [buckets]int
}

// record enters one call.
func (r *Recorder) record(operation Operation, took time.Duration, kind ErrorKind) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.operations == nil {
		r.operations = map[Operation]*figures{}
	}
	entered, known := r.operations[operation]
	if !known {
		entered = &figures{errors: map[ErrorKind]int{}}
		r.operations[operation] = entered
	}
	entered.calls++
	if kind != NoError {
		entered.errors[kind]++
	}
	entered.total += took
	entered.longest = max(entered.longest, took)
	entered.durations[bucket(took)]++
}

// Snapshot returns the figures of every operation called so far, sorted by operation.
func (r *Recorder) Snapshot() []Figures {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	snapshot := make([]Figures, 0, len(r.operations))
	for _, operation := range slices.Sorted(maps.Keys(r.operations)) {
		entered := r.operations[operation]
		snapshot = append(snapshot, Figures{
			Operation: operation, Calls: entered.calls, Errors: maps.Clone(entered.errors),
			Total: quantity.Duration(entered.total), Longest: quantity.Duration(entered.longest),
			P50: entered.percentile(0.50), P95: entered.percentile(0.95), P99: entered.percentile(0.99),
		})
	}
	return snapshot
}

// percentile is a duration that a share of the calls did not exceed, by at most the width of a bucket too long.
func (f *figures) percentile(share float64) quantity.Duration {
	rank := int(math.Ceil(share * float64(f.calls)))
	for index, count := range f.durations {
		if rank -= count; rank <= 0 && index < buckets-1 {
			return quantity.Duration(min(upperEnd(index), f.longest))
		}
	}
	return quantity.Duration(f.longest)
}

func bucket(duration time.Duration) int {
	if duration <= time.Microsecond {
		return 0
	}
	doublings := math.Log2(float64(duration) / float64(time.Microsecond))
	return min(int(math.Ceil(doublings*bucketsPerDoubling)), buckets-1)
}

func upperEnd(bucket int) time.Duration {
	return time.Duration(float64(time.Microsecond) * math.Exp2(float64(bucket)/bucketsPerDoubling))
}
