package bus

import (
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
)

// logQueueSize is how many log entries may wait to be sent.
const logQueueSize = 1024

// logQueue sends log entries in the background, so that logging never waits for the bus.
type logQueue struct {
	peer    *Peer
	mutex   sync.Mutex
	closed  bool
	entries chan *nats.Msg
	dropped atomic.Uint64
	owned   sync.WaitGroup
}

func startLogQueue(peer *Peer) *logQueue {
	queue := &logQueue{peer: peer, entries: make(chan *nats.Msg, logQueueSize)}
	queue.owned.Go(func() {
		for entry := range queue.entries {
			if peer.connection.PublishMsg(entry) != nil {
				queue.dropped.Add(1)
			}
		}
	})
	return queue
}

// Log sends a log entry, one JSON object of at most 16 KiB, to the LOGS stream. It never waits: entries that cannot be
// sent are dropped and counted. It keeps the line.
func (p *Peer) Log(level string, line []byte) {
	p.logs.mutex.Lock()
	defer p.logs.mutex.Unlock()
	if p.logs.closed || len(line) > maxLogSize {
		p.logs.dropped.Add(1)
		return
	}
	select {
	case p.logs.entries <- &nats.Msg{Subject: proto.SubjectLog(p.identity.Name, level), Data: line}:
	default:
		p.logs.dropped.Add(1)
	}
}

// LogsDropped is how many log entries could not be sent so far.
func (p *Peer) LogsDropped() uint64 { return p.logs.dropped.Load() }

// close sends what is queued.
func (q *logQueue) close() {
	q.mutex.Lock()
	if !q.closed {
		q.closed = true
		close(q.entries)
	}
	q.mutex.Unlock()
	q.owned.Wait()
	if dropped := q.dropped.Load(); dropped > 0 {
		q.peer.log.Debug("log entries were not sent", zap.Uint64("count", dropped))
	}
}
