package broker_test

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	_ "github.com/mattn/go-sqlite3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
)

// floor is the least program that does what a call is: a client asks, every vendor is called, each answer is signed and
// verified, the proposals are ranked and written in one commit that is synced, and the client is answered. It knows no
// roles, no registers, no repeats and no restarts.
type floor struct {
	connection *nats.Conn
	private    ed25519.PrivateKey
	public     ed25519.PublicKey
	insert     *sql.Stmt
	subjects   []string

	mutex   sync.Mutex
	waiting map[string]chan *nats.Msg
}

// floorRecord is what the floor keeps of a call.
type floorRecord struct {
	Application descriptors.Application
	Proposals   []sla.Proposal
	Order       []int
}

func startFloor(b *testing.B, vendors int, dead bool) *floor {
	b.Helper()
	settings := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true}
	inside, err := server.NewServer(settings)
	must(b, err)
	inside.Start()
	b.Cleanup(func() { inside.Shutdown(); inside.WaitForShutdown() })
	f := &floor{waiting: map[string]chan *nats.Msg{}}
	f.public, f.private, err = ed25519.GenerateKey(nil)
	must(b, err)
	f.connection = f.connect(b, inside)
	for i := range vendors {
		name := fmt.Sprintf("vendor-%d", i)
		f.subjects = append(f.subjects, name)
		if !dead || i > 0 {
			f.serveVendor(b, f.connect(b, inside), name)
		}
	}
	database, err := sql.Open("sqlite3", "file:"+filepath.Join(b.TempDir(), "floor.db")+"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate")
	must(b, err)
	database.SetMaxOpenConns(1)
	b.Cleanup(func() { must(b, database.Close()) })
	_, err = database.Exec("CREATE TABLE calls (id TEXT PRIMARY KEY, value BLOB)")
	must(b, err)
	f.insert, err = database.Prepare("INSERT INTO calls VALUES (?, ?)")
	must(b, err)
	f.serveClients(b)
	return f
}

func (f *floor) connect(b *testing.B, inside *server.Server) *nats.Conn {
	b.Helper()
	connection, err := nats.Connect("", nats.InProcessServer(inside))
	must(b, err)
	b.Cleanup(connection.Close)
	return connection
}

// seal makes a signed message; open is the body of one whose signature fits.
func (f *floor) seal(subject, reply string, body []byte) *nats.Msg {
	signature := base64.RawURLEncoding.EncodeToString(ed25519.Sign(f.private, body))
	return &nats.Msg{Subject: subject, Reply: reply, Data: body, Header: nats.Header{"Signature": {signature}}}
}

func (f *floor) open(message *nats.Msg) []byte {
	signature, err := base64.RawURLEncoding.DecodeString(message.Header.Get("Signature"))
	if err != nil || !ed25519.Verify(f.public, message.Data, signature) {
		panic("signature")
	}
	return message.Data
}

func (f *floor) serveVendor(b *testing.B, connection *nats.Conn, name string) {
	b.Helper()
	vendor := scripted{table: newTable(name, time.Now), prices: webshopPrices, valid: time.Minute}
	_, err := connection.Subscribe(name, func(message *nats.Msg) {
		var call descriptors.CallForProposals
		if json.Unmarshal(f.open(message), &call) != nil {
			panic("call")
		}
		body, err := json.Marshal(vendor.proposal(call))
		if err != nil {
			panic(err)
		}
		_ = connection.PublishMsg(f.seal(message.Reply, "", body))
	})
	must(b, err)
	must(b, connection.Flush())
}

func (f *floor) serveClients(b *testing.B) {
	b.Helper()
	_, err := f.connection.Subscribe("answers.*", func(message *nats.Msg) {
		f.mutex.Lock()
		waiting := f.waiting[message.Subject]
		delete(f.waiting, message.Subject)
		f.mutex.Unlock()
		waiting <- message
	})
	must(b, err)
	_, err = f.connection.Subscribe("submit", func(message *nats.Msg) { go f.answer(message) })
	must(b, err)
}

func (f *floor) answer(message *nats.Msg) {
	var record floorRecord
	if json.Unmarshal(f.open(message), &record.Application) != nil {
		panic("application")
	}
	id := nats.NewInbox()
	record.Proposals = f.gather(descriptors.Call(record.Application, id, 1, time.Now().Add(time.Second)))
	prices := make([]int64, len(record.Proposals))
	for i, proposal := range record.Proposals {
		record.Order = append(record.Order, i)
		for _, offer := range proposal.Offers {
			price, err := offer.AtMinimum()
			if err != nil {
				panic(err)
			}
			prices[i] += price.PerHour.Micros
		}
	}
	slices.SortFunc(record.Order, func(one, other int) int { return int(prices[one] - prices[other]) })
	value, err := json.Marshal(record)
	if err == nil {
		_, err = f.insert.Exec(id, value)
	}
	if err == nil {
		err = f.connection.PublishMsg(f.seal(message.Reply, "", value))
	}
	if err != nil {
		panic(err)
	}
}

func (f *floor) gather(call descriptors.CallForProposals) []sla.Proposal {
	body, err := json.Marshal(call)
	if err != nil {
		panic(err)
	}
	answers := make(chan *nats.Msg, len(f.subjects))
	message := f.seal("", "", body)
	for i, subject := range f.subjects {
		message.Subject, message.Reply = subject, fmt.Sprintf("answers.%s-%d", call.ID[7:], i)
		f.mutex.Lock()
		f.waiting[message.Reply] = answers
		f.mutex.Unlock()
		if err := f.connection.PublishMsg(message); err != nil {
			panic(err)
		}
	}
	var proposals []sla.Proposal
	for range f.subjects {
		answer := <-answers
		if len(answer.Data) == 0 {
			continue // nobody there
		}
		var proposal sla.Proposal
		if json.Unmarshal(f.open(answer), &proposal) != nil {
			panic("proposal")
		}
		proposals = append(proposals, proposal)
	}
	return proposals
}

// submit is what the client does.
func (f *floor) submit(b *testing.B, client *nats.Conn, body []byte) {
	answer, err := client.RequestMsgWithContext(context.Background(), f.seal("submit", "", body))
	must(b, err)
	var record floorRecord
	must(b, json.Unmarshal(f.open(answer), &record))
}

func benchmarkFloor(b *testing.B, vendors int, dead bool) {
	f := startFloor(b, vendors, dead)
	body, err := json.Marshal(webshop(b))
	must(b, err)
	defer reportProcessor(b)()
	for b.Loop() {
		f.submit(b, f.connection, body)
	}
}
