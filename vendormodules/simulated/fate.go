package simulated

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// operation is one kind of call.
type operation string

const (
	opQuote      operation = "quote"
	opCapacity   operation = "capacity"
	opCreate     operation = "create"
	opGet        operation = "get"
	opList       operation = "list"
	opDelete     operation = "delete"
	opStart      operation = "start"
	opStop       operation = "stop"
	opReboot     operation = "reboot"
	opAttach     operation = "attach"
	opDetach     operation = "detach"
	opSetTargets operation = "set-targets"
	opMeasure    operation = "measure"
	opConsole    operation = "console"
	opSnapshot   operation = "snapshot"
	opImage      operation = "image"
	opResize     operation = "resize"
	opExecute    operation = "execute"
	opReadFiles  operation = "read-files"
	opWriteFiles operation = "write-files"
	opFlavors    operation = "flavors"
	opImages     operation = "images"
	// opAny stands for all operations that are not named.
	opAny operation = "any"
	// opBoot and opLife are no calls: what becomes of a resource by itself.
	opBoot operation = "boot"
	opLife operation = "life"
)

// operations are the words that a configuration may use.
func operations() []operation {
	return []operation{
		opQuote, opCapacity, opCreate, opGet, opList, opDelete, opStart, opStop, opReboot, opAttach, opDetach, opSetTargets,
		opMeasure, opConsole, opSnapshot, opImage, opResize, opExecute, opReadFiles, opWriteFiles, opFlavors,
		opImages, opAny,
	}
}

// risks are how many of an operation's calls go wrong in which way.
type risks struct {
	Transient      quantity.Percent `yaml:"transient"`
	Quota          quantity.Percent `yaml:"quota"`
	NoCapacity     quantity.Percent `yaml:"no-capacity"`
	Conflict       quantity.Percent `yaml:"conflict"`
	Authentication quantity.Percent `yaml:"authentication"`
	// Lost calls work, and their answers never arrive.
	Lost quantity.Percent `yaml:"lost"`
}

type risk struct {
	rate    quantity.Percent
	failure error
	lost    bool
}

func (r risks) all() []risk {
	return []risk{
		{rate: r.Transient, failure: vendormodules.ErrTransient},
		{rate: r.Quota, failure: vendormodules.ErrQuota},
		{rate: r.NoCapacity, failure: vendormodules.ErrNoCapacity},
		{rate: r.Conflict, failure: vendormodules.ErrConflict},
		{rate: r.Authentication, failure: vendormodules.ErrAuthentication},
		{rate: r.Lost, failure: vendormodules.ErrTransient, lost: true},
	}
}

// fate is what chance has in store for a call.
type fate struct {
	latency time.Duration
	// failure is nil for most calls. A lost call has its effect first, and its caller waits for lostAfter.
	failure   error
	lost      bool
	lostAfter time.Duration
}

// fateOf decides on a call.
func (c configuration) fateOf(name operation, random *rand.Rand) fate {
	latency, named := c.Latency[name]
	if !named {
		latency = c.Latency[opAny]
	}
	dangers, named := c.Failures[name]
	if !named {
		dangers = c.Failures[opAny]
	}
	decided := fate{latency: latency.draw(random), lostAfter: c.LostAfter.draw(random)}
	chance := quantity.Percent(random.Float64())
	for _, danger := range dangers.all() {
		if chance < danger.rate {
			decided.failure, decided.lost = danger.failure, danger.lost
			return decided
		}
		chance -= danger.rate
	}
	return decided
}

// chance is a source of random numbers for each kind of call about each subject, all from one seed.
type chance struct {
	seed uint64

	mutex sync.Mutex
	// counts say how often a source was asked for.
	counts map[turn]uint64
}

type turn struct {
	name    operation
	subject string
}

func newChance(seed uint64) *chance { return &chance{seed: seed, counts: map[turn]uint64{}} }

// next is the source for the next call about a subject, after the account was opened so many times.
func (c *chance) next(name operation, subject string, openings uint64) *rand.Rand {
	c.mutex.Lock()
	c.counts[turn{name, subject}]++
	count := c.counts[turn{name, subject}]
	c.mutex.Unlock()
	mixed := fnv.New64a()
	fmt.Fprintf(mixed, "%s %s ", name, subject)
	numbers := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, count), openings)
	mixed.Write(numbers)
	return rand.New(rand.NewPCG(c.seed, mixed.Sum64()))
}

// forget lets go of what is known of a subject that is no more.
func (c *chance) forget(subject string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, name := range append(operations(), opBoot, opLife) {
		delete(c.counts, turn{name, subject})
	}
}

// Wait lets time pass for a call. It ends early, with an error, when the context does.
type Wait func(ctx context.Context, length time.Duration) error

// realWait waits by the machine's own clock.
func realWait(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
