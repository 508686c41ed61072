package proto

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// replaySpan is how much expiry time one generation of remembered messages covers.
	replaySpan = 5 * time.Second
	// replayLimit is how many messages of one sender are remembered, replayLimitAll how many in all. Who exceeds the
	// limit is refused until older messages expire; forgetting instead would open the door to replays.
	replayLimit    = 1 << 18
	replayLimitAll = 1 << 20
)

// ReplayGuard remembers messages until they expire, so that each is taken once. It is kept in memory only: what was
// taken before a restart is protected by commands being idempotent, not by the guard. Safe for use by many goroutines.
type ReplayGuard struct {
	mutex       sync.Mutex
	generations map[int64]*replayGeneration
	bySender    map[Identity]int
	all         int
}

// replayGeneration holds the messages whose expiry lies in one span.
type replayGeneration struct {
	seen     map[[16]byte]struct{}
	bySender map[Identity]int
}

// NewReplayGuard makes a guard that remembers nothing yet.
func NewReplayGuard() *ReplayGuard {
	return &ReplayGuard{generations: make(map[int64]*replayGeneration), bySender: make(map[Identity]int)}
}

// Admit takes a message the first time; ErrReplayed at every other, ErrFlood when its sender has too many unexpired.
func (g *ReplayGuard) Admit(message Message, now time.Time) error {
	digest := sha256.Sum256([]byte(message.Sender.String() + "\n" + message.ID))
	key := [16]byte(digest[:16])
	span := message.Expires.UnixNano() / int64(replaySpan)

	g.mutex.Lock()
	defer g.mutex.Unlock()
	generation := g.generations[span]
	if generation == nil {
		g.forget(now)
		generation = &replayGeneration{make(map[[16]byte]struct{}), make(map[Identity]int)}
		g.generations[span] = generation
	}
	if _, seen := generation.seen[key]; seen {
		return ErrReplayed
	}
	if g.bySender[message.Sender] >= replayLimit || g.all >= replayLimitAll {
		g.forget(now)
		if g.bySender[message.Sender] >= replayLimit || g.all >= replayLimitAll {
			return ErrFlood
		}
	}
	generation.seen[key] = struct{}{}
	generation.bySender[message.Sender]++
	g.bySender[message.Sender]++
	g.all++
	return nil
}

// forget drops the generations in which everything has expired, skew included.
func (g *ReplayGuard) forget(now time.Time) {
	oldest := now.Add(-ClockSkew).UnixNano()/int64(replaySpan) - 1
	for span, generation := range g.generations {
		if span > oldest {
			continue
		}
		for sender, count := range generation.bySender {
			if g.bySender[sender] -= count; g.bySender[sender] == 0 {
				delete(g.bySender, sender)
			}
		}
		g.all -= len(generation.seen)
		delete(g.generations, span)
	}
}
