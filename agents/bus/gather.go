package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cloud-agency/agency/proto"
)

// Reply is what came of asking on one of many subjects.
type Reply struct {
	Subject string
	Message proto.Message
	// Err is ErrAbsent, why the answer was not taken, or the error of the context that ended the wait.
	Err error
}

// Gather sends one message to many vendors and gives exactly one Reply per subject, in the order in which they come,
// then closes the channel. The channel has room for all, so nobody has to read it.
//
// The message is addressed to the role, signed once and sent to each subject with a reply subject of its own: no vendor
// learns who else was asked, and the reply subject and the signature prove who answers. A vendor that is not there is
// ErrAbsent at once. Whoever stays silent is asked again every reask (never if 0), so that the wait for one that died
// meanwhile ends; an answer agree says "working on it" and is waited on. The end of the context, or 30 s without a deadline,
// ends the rest.
func (p *Peer) Gather(ctx context.Context, message proto.Message, subjects []string, reask time.Duration) <-chan Reply {
	gathering := &gathering{
		peer: p, subjects: subjects, replies: make(chan Reply, len(subjects)), open: len(subjects),
		slots: make([]slot, len(subjects)), arrived: make(chan arrival, len(subjects)), done: make(chan struct{}),
	}
	message.Receiver = proto.Identity{Role: proto.RoleVendor}
	if message.ReplyWith == "" {
		message.ReplyWith = proto.FreshID()
	}
	if message.Conversation == "" {
		message.Conversation = message.ReplyWith
	}
	if len(subjects) == 0 {
		close(gathering.replies)
		return gathering.replies
	}
	go gathering.run(ctx, message, reask)
	return gathering.replies
}

// gathering is one Gather under way.
type gathering struct {
	peer     *Peer
	subjects []string
	replies  chan Reply
	arrived  chan arrival

	mutex sync.Mutex
	slots []slot
	open  int
	// done is closed when no slot is open.
	done chan struct{}
}

// slot is where one subject stands.
type slot struct {
	// expected are the reply subjects of the questions sent so far: an answer to any of them will do.
	expected []string
	// taken says that an answer has come and is being looked at: it is the one place in the channel.
	taken   bool
	settled bool
}

// arrival is an answer not yet looked at.
type arrival struct {
	slot    int
	message *nats.Msg
}

// run owns the gathering: it asks, asks again, and waits for the goroutines that verify.
func (g *gathering) run(ctx context.Context, message proto.Message, reask time.Duration) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	var readers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(g.subjects)) {
		readers.Go(func() { g.read(ctx, message) })
	}
	g.ask(ctx, message)
	var again <-chan time.Time
	if reask > 0 {
		ticker := time.NewTicker(reask)
		defer ticker.Stop()
		again = ticker.C
	}
	for waiting := true; waiting; {
		select {
		case <-again:
			g.ask(ctx, message)
		case <-ctx.Done():
			g.settleAll(ctx.Err())
		case <-g.done:
			waiting = false
		}
	}
	readers.Wait()
	close(g.replies)
}

// ask sends the message, signed afresh, to all that have not answered.
func (g *gathering) ask(ctx context.Context, message proto.Message) {
	message = g.peer.complete(ctx, message)
	headers, err := message.Seal(g.peer.signer)
	if err != nil {
		g.settleAll(fmt.Errorf("gather: %w", err))
		return
	}
	for i, subject := range g.subjects {
		g.mutex.Lock()
		settled := g.slots[i].settled
		if settled {
			g.mutex.Unlock()
			continue
		}
		reply := g.peer.answers.expect(subject, func(answer *nats.Msg, err error) { g.take(i, answer, err) })
		g.slots[i].expected = append(g.slots[i].expected, reply)
		g.mutex.Unlock()
		err := g.peer.send(&nats.Msg{Subject: subject, Reply: reply, Header: headers, Data: message.Body})
		if err != nil && !errors.Is(err, ErrDisconnected) { // a connection that comes back is asked over again
			g.settle(i, Reply{Subject: subject, Err: err})
		}
	}
}

// take is called by the mailbox and does not block.
func (g *gathering) take(i int, answer *nats.Msg, err error) {
	switch {
	case errors.Is(err, ErrDisconnected):
		return // silent, for all that is known
	case err != nil:
		g.settle(i, Reply{Subject: g.subjects[i], Err: err})
		return
	}
	g.mutex.Lock()
	wanted := !g.slots[i].settled && !g.slots[i].taken
	g.slots[i].taken = g.slots[i].taken || wanted
	g.mutex.Unlock()
	if wanted {
		g.arrived <- arrival{i, answer} // has room: one per slot
	}
}

// read looks at answers until none is waited for.
func (g *gathering) read(ctx context.Context, question proto.Message) {
	for {
		select {
		case arrival := <-g.arrived:
			g.look(ctx, question, arrival)
		case <-g.done:
			return
		}
	}
}

func (g *gathering) look(ctx context.Context, question proto.Message, arrival arrival) {
	subject := g.subjects[arrival.slot]
	answer, err := g.peer.openAnswer(ctx, arrival.message, question)
	if err == nil && answer.Sender != owner(subject) {
		err = fmt.Errorf("%w: it is from %s", ErrWrongAnswer, answer.Sender)
	}
	if err != nil {
		g.settle(arrival.slot, Reply{Subject: subject, Err: fmt.Errorf("ask %s: %w", subject, err)})
		return
	}
	if answer.Performative == proto.Agree {
		g.mutex.Lock()
		g.slots[arrival.slot].taken = false
		g.mutex.Unlock()
		return
	}
	g.settle(arrival.slot, Reply{Subject: subject, Message: answer})
}

// settle gives a slot its one reply.
func (g *gathering) settle(i int, reply Reply) {
	g.mutex.Lock()
	if g.slots[i].settled {
		g.mutex.Unlock()
		return
	}
	g.slots[i].settled = true
	expected := g.slots[i].expected
	g.open--
	last := g.open == 0
	g.replies <- reply // has room: one per slot
	if last {
		close(g.done)
	}
	g.mutex.Unlock()
	g.peer.answers.forget(expected...)
}

func (g *gathering) settleAll(err error) {
	for i, subject := range g.subjects {
		g.settle(i, Reply{Subject: subject, Err: err})
	}
}
