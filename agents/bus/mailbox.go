package bus

import (
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/cloud-agency/agency/proto"
)

// mailbox takes all answers of a connection on one subscription that stays. Each question has a reply subject of its own
// that nobody can guess, so that only whom it was sent to can answer.
type mailbox struct {
	prefix string

	mutex   sync.Mutex
	waiting map[string]waiter
}

// waiter is whoever waits for one answer.
type waiter struct {
	// subject that was asked.
	subject string
	// take is called once, with the answer or why there is none. It must not block.
	take func(*nats.Msg, error)
}

func newMailbox(inbox string) *mailbox {
	return &mailbox{prefix: inbox + "." + nuid.Next() + ".", waiting: make(map[string]waiter)}
}

// subject that all answers come on.
func (m *mailbox) subject() string { return m.prefix + "*" }

// expect makes a reply subject for a question to subject.
func (m *mailbox) expect(subject string, take func(*nats.Msg, error)) (reply string) {
	token := proto.FreshID()
	m.mutex.Lock()
	m.waiting[token] = waiter{subject, take}
	m.mutex.Unlock()
	return m.prefix + token
}

// forget gives up waiting.
func (m *mailbox) forget(replies ...string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, reply := range replies {
		delete(m.waiting, reply[len(m.prefix):])
	}
}

// deliver hands an answer to who waits for it, once.
func (m *mailbox) deliver(message *nats.Msg) {
	token := message.Subject[len(m.prefix):]
	m.mutex.Lock()
	waiter, found := m.waiting[token]
	delete(m.waiting, token)
	m.mutex.Unlock()
	if !found {
		return
	}
	if len(message.Data) == 0 && message.Header.Get("Status") == "503" {
		waiter.take(nil, ErrAbsent)
		return
	}
	waiter.take(message, nil)
}

// fail ends all waiting.
func (m *mailbox) fail(err error) { m.end(err, func(waiter) bool { return true }) }

// forbid ends the waiting for what the server refused to send. It names the subject in its message only.
func (m *mailbox) forbid(refusal error) {
	text := refusal.Error()
	m.end(ErrForbidden, func(waiter waiter) bool { return strings.Contains(text, `Publish to "`+waiter.subject+`"`) })
}

func (m *mailbox) end(err error, concerns func(waiter) bool) {
	m.mutex.Lock()
	var ended []waiter
	for token, waiter := range m.waiting {
		if concerns(waiter) {
			ended = append(ended, waiter)
			delete(m.waiting, token)
		}
	}
	m.mutex.Unlock()
	for _, waiter := range ended {
		waiter.take(nil, err)
	}
}
