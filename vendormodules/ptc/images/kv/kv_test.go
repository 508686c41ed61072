package kv_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/kv"
	"github.com/cloud-agency/agency/vendormodules/ptc/images/resp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve serves a directory; the function returned ends it.
func serve(t *testing.T, directory string) (address string, end func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- kv.Serve(ctx, listener, directory) }()
	return listener.Addr().String(), func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

// client is one connection.
type client struct {
	*testing.T
	connection net.Conn
	reader     *bufio.Reader
}

func connect(t *testing.T, address string) *client {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t, connection, bufio.NewReader(connection)}
}

func (c *client) do(words ...string) (resp.Reply, error) {
	c.Helper()
	if _, err := c.connection.Write(resp.AppendCommand(nil, words...)); err != nil {
		c.Fatal(err)
	}
	return resp.ReadReply(c.reader)
}

// must makes a command that succeeds.
func (c *client) must(words ...string) resp.Reply {
	c.Helper()
	reply, err := c.do(words...)
	if err != nil {
		c.Errorf("%q: %v", words, err)
	}
	return reply
}

func TestCommands(t *testing.T) {
	address, end := serve(t, t.TempDir())
	defer end()
	c := connect(t, address)
	defer c.connection.Close()
	for _, test := range []struct {
		words []string
		want  resp.Reply
		fault string
	}{
		{words: []string{"PING"}, want: resp.Reply{Text: "PONG"}},
		{words: []string{"get", "a"}, want: resp.Reply{Missing: true}},
		{words: []string{"SET", "a", "one\r\ntwo"}, want: resp.Reply{Text: "OK"}},
		{words: []string{"GET", "a"}, want: resp.Reply{Text: "one\r\ntwo"}},
		{words: []string{"INCR", "a"}, fault: "not an integer"},
		{words: []string{"INCR", "n"}, want: resp.Reply{Number: 1}},
		{words: []string{"INCR", "n"}, want: resp.Reply{Number: 2}},
		{words: []string{"SET", "n", "9223372036854775807"}, want: resp.Reply{Text: "OK"}},
		{words: []string{"INCR", "n"}, fault: "out of range"},
		{words: []string{"KEYS", "*"}, want: resp.Reply{List: []string{"a", "n"}}},
		{words: []string{"KEYS", "n*"}, want: resp.Reply{List: []string{"n"}}},
		{words: []string{"DEL", "a", "n", "never"}, want: resp.Reply{Number: 2}},
		{words: []string{"KEYS", "*"}, want: resp.Reply{List: []string{}}},
		{words: []string{"FLUSHALL"}, fault: "unknown command"},
		{words: []string{"SET", "a"}, fault: "wrong number of words"},
		{words: []string{"SET", strings.Repeat("k", kv.MaxKey+1), "v"}, fault: "at most"},
	} {
		reply, err := c.do(test.words...)
		if test.fault != "" {
			if err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("%q: %+v, %v; should fail with %q", test.words, reply, err, test.fault)
			}
			continue
		}
		if err != nil || reply.Text != test.want.Text || reply.Missing != test.want.Missing ||
			reply.Number != test.want.Number || !slices.Equal(reply.List, test.want.List) {
			t.Errorf("%q: %+v, %v; should be %+v", test.words, reply, err, test.want)
		}
	}
}

func TestCommandsThatComeTogether(t *testing.T) {
	address, end := serve(t, t.TempDir())
	defer end()
	c := connect(t, address)
	defer c.connection.Close()
	if _, err := c.connection.Write([]byte("INCR n\r\nINCR n\r\n\r\nGET n\r\n")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []resp.Reply{{Number: 1}, {Number: 2}, {Text: "2"}} {
		if reply, err := resp.ReadReply(c.reader); err != nil || reply.Number != want.Number || reply.Text != want.Text {
			t.Errorf("%+v, %v; should be %+v", reply, err, want)
		}
	}
}

func TestNothingAnsweredIsLost(t *testing.T) {
	directory := t.TempDir()
	const clients, each = 8, 50
	for round := range 2 {
		address, end := serve(t, directory)
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				c := connect(t, address)
				defer c.connection.Close()
				for range each {
					c.must("INCR", "count")
				}
			})
		}
		all.Wait()
		end()
		address, end = serve(t, directory)
		c := connect(t, address)
		if got, want := c.must("GET", "count").Text, strconv.Itoa((round+1)*clients*each); got != want {
			t.Errorf("the count is %s after %s", got, want)
		}
		c.connection.Close()
		end()
	}
}

func TestATornLogLosesOnlyItsEnd(t *testing.T) {
	whole := t.TempDir()
	address, end := serve(t, whole)
	c := connect(t, address)
	var ends []int
	path := filepath.Join(whole, "data.log")
	for i := range 4 {
		c.must("SET", fmt.Sprint(i), strings.Repeat("v", i*10))
		information, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int(information.Size()))
	}
	c.connection.Close()
	end()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut <= len(content); cut += 3 {
		directory := t.TempDir()
		torn := append(slices.Clone(content[:cut]), "torn"...)
		if err := os.WriteFile(filepath.Join(directory, "data.log"), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		sound := 0
		for _, end := range ends {
			if end <= cut {
				sound++
			}
		}
		address, end := serve(t, directory)
		c := connect(t, address)
		if keys := c.must("KEYS", "*").List; len(keys) != sound {
			t.Errorf("cut at %d: %d keys, should be %d", cut, len(keys), sound)
		}
		c.must("SET", "after", "wards")
		c.connection.Close()
		end()
		address, end = serve(t, directory)
		c = connect(t, address)
		if keys := c.must("KEYS", "*").List; len(keys) != sound+1 {
			t.Errorf("cut at %d, then written: %d keys, should be %d", cut, len(keys), sound+1)
		}
		c.connection.Close()
		end()
	}
}

func TestALogThatIsMostlyHistoryShrinks(t *testing.T) {
	directory := t.TempDir()
	address, end := serve(t, directory)
	c := connect(t, address)
	value := strings.Repeat("v", 200<<10)
	for range 10 {
		c.must("SET", "key", value)
	}
	c.connection.Close()
	end()
	address, end = serve(t, directory)
	defer end()
	c = connect(t, address)
	defer c.connection.Close()
	if got := c.must("GET", "key").Text; got != value {
		t.Errorf("the value has %d bytes, should have %d", len(got), len(value))
	}
	information, err := os.Stat(filepath.Join(directory, "data.log"))
	if err != nil || information.Size() > 300<<10 {
		t.Errorf("the log has %d bytes, %v", information.Size(), err)
	}
}

func TestADiskThatFailsEndsTheServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Serve(t.Context(), listener, file); err == nil {
		t.Error("Serve with a file for a directory ends without an error")
	}
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is left open: %v", err)
	}
}
