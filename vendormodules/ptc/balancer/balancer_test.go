package balancer_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/balancer"
	"github.com/cloud-agency/agency/vendormodules/ptc/loopback"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wait is the longest that anything may take to come about.
const wait = 20 * time.Second

const port = 8080

// front is a balancer that serves, and how it is reached.
type front struct {
	*testing.T
	directory record.Directory
	record    record.Record
	address   string
}

// newFront starts a balancer that checks often, and ends it with the test.
func newFront(t *testing.T, protocol, path string, targets ...vendormodules.Target) *front {
	t.Helper()
	claim, err := loopback.Find(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	host := loopback.Host(claim.Block, 0).String()
	f := &front{T: t, directory: record.Directory(t.TempDir()), address: net.JoinHostPort(host, strconv.Itoa(port))}
	f.record = record.Record{
		Targets:   targets,
		Addresses: []record.Address{{Address: vendormodules.Address{Address: host}}},
		Class: descriptors.Class{
			Type: descriptors.LoadBalancer, Listen: port, Protocol: protocol,
			Check: descriptors.Check{Path: path, Every: quantity.Duration(100 * time.Millisecond)},
		},
	}
	if err := f.directory.Write(f.record); err != nil {
		t.Fatal(err)
	}
	server, err := balancer.Listen(t.Context(), f.directory, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if err := claim.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// set changes the targets.
func (f *front) set(targets ...vendormodules.Target) {
	f.Helper()
	f.record.Targets = targets
	if err := f.directory.Write(f.record); err != nil {
		f.Fatal(err)
	}
	if err := balancer.Reload(f.Context(), f.directory, wait); err != nil {
		f.Fatal(err)
	}
}

func (f *front) figures() balancer.Figures {
	f.Helper()
	figures, err := balancer.Read(f.Context(), f.directory)
	if err != nil {
		f.Fatal(err)
	}
	return figures
}

// healthy waits until so many targets are healthy.
func (f *front) healthy(count int) {
	f.Helper()
	vendortest.Eventually(f, wait, fmt.Sprintf("%d targets are healthy", count), func() error {
		if figures := f.figures(); figures.Healthy != count {
			return fmt.Errorf("the figures are %+v", figures)
		}
		return nil
	})
}

// counts waits until so many requests are counted, which happens just after they are answered.
func (f *front) counts(requests int) {
	f.Helper()
	vendortest.Eventually(f, wait, fmt.Sprintf("%d requests are counted", requests), func() error {
		if figures := f.figures(); figures.Requests != requests {
			return fmt.Errorf("the figures are %+v", figures)
		}
		return nil
	})
}

// send makes a request by a connection of its own, and returns the status and the answer.
func (f *front) send(method, body string) (int, string, error) {
	request, err := http.NewRequestWithContext(f.Context(), method, "http://"+f.address+"/page", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, string(answer), err
}

// target serves HTTP until the test ends.
func target(t *testing.T, name string, handler http.Handler) vendormodules.Target {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return targetAt(t, name, server.Listener.Addr().String())
}

func targetAt(t *testing.T, name, address string) vendormodules.Target {
	t.Helper()
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return vendormodules.Target{Name: name, Address: host, Port: number}
}

// dead is a target at which nobody listens.
func dead(t *testing.T) vendormodules.Target {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return targetAt(t, "dead", listener.Addr().String())
}

// echo answers by a name and what it was sent.
func echo(name string) http.Handler {
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		fmt.Fprintf(writer, "%s:%s:%s", name, request.Header.Get("X-Forwarded-For"), body)
	})
}

func TestRequestsGoRoundAndPastTheDead(t *testing.T) {
	f := newFront(t, "http", "", dead(t), target(t, "one", echo("one")), dead(t), target(t, "two", echo("two")))
	counts := map[string]int{}
	for range 40 {
		status, answer, err := f.send(http.MethodPost, "body")
		if err != nil || status != http.StatusOK {
			t.Fatalf("status %d, %v", status, err)
		}
		counts[answer]++
	}
	if len(counts) != 2 || counts["one:127.0.0.1:body"] < 15 || counts["two:127.0.0.1:body"] < 15 {
		t.Errorf("the answers are %v", counts)
	}
	f.healthy(2)
	f.counts(40)
	figures := f.figures()
	if figures.Errors != 0 || figures.Targets != 4 || figures.P50 <= 0 || figures.P99 < figures.P50 {
		t.Errorf("the figures are %+v", figures)
	}
}

func TestChecksDecideWhoIsAsked(t *testing.T) {
	var sick atomic.Bool
	moody := target(t, "moody", http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/healthz" && sick.Load() {
			writer.WriteHeader(http.StatusInternalServerError)
		}
	}))
	f := newFront(t, "http", "/healthz", moody)
	f.healthy(1)
	sick.Store(true)
	f.healthy(0)
	if status, _, err := f.send(http.MethodGet, ""); status != http.StatusServiceUnavailable || err != nil {
		t.Errorf("with no target healthy: status %d, %v", status, err)
	}
	sick.Store(false)
	f.healthy(1)
	if status, _, err := f.send(http.MethodGet, ""); status != http.StatusOK || err != nil {
		t.Errorf("with a target healthy again: status %d, %v", status, err)
	}
	f.counts(2)
	if figures := f.figures(); figures.Errors != 1 {
		t.Errorf("the figures are %+v", figures)
	}
}

func TestWhatHasBeenSentIsNotSentAgain(t *testing.T) {
	var asked atomic.Int32
	rude := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		panic(http.ErrAbortHandler)
	})
	f := newFront(t, "http", "", target(t, "rude", rude), target(t, "rude too", rude))
	if status, _, err := f.send(http.MethodPost, "pay"); status != http.StatusBadGateway || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	if count := asked.Load(); count != 1 {
		t.Errorf("the request was made %d times", count)
	}
}

func TestATargetThatGoesFinishes(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	slow := target(t, "slow", http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
		io.WriteString(writer, "begun ")
		writer.(http.Flusher).Flush()
		close(begun)
		<-finish
		io.WriteString(writer, "finished")
	}))
	quick := target(t, "quick", echo("quick"))
	f := newFront(t, "http", "", slow)
	answers := make(chan string, 1)
	go func() {
		_, answer, err := f.send(http.MethodGet, "")
		answers <- fmt.Sprint(answer, err)
	}()
	<-begun
	f.set(quick)
	for range 10 {
		if _, answer, err := f.send(http.MethodGet, ""); !strings.HasPrefix(answer, "quick") || err != nil {
			t.Errorf("after the change %q answers, %v", answer, err)
		}
	}
	close(finish)
	if answer := <-answers; answer != "begun finished<nil>" {
		t.Errorf("the request under way got %q", answer)
	}
}

func TestNoRequestFailsWhileTargetsChange(t *testing.T) {
	var targets []vendormodules.Target
	for i := range 4 {
		targets = append(targets, target(t, strconv.Itoa(i), echo(strconv.Itoa(i))))
	}
	f := newFront(t, "http", "", targets...)
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var requests atomic.Int32
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				if status, _, err := f.send(http.MethodGet, ""); status != http.StatusOK || err != nil {
					t.Errorf("status %d, %v", status, err)
				}
				requests.Add(1)
			}
		})
	}
	for change := range 40 {
		before := requests.Load()
		f.set(targets[change%4], targets[(change+1)%4])
		vendortest.Eventually(t, wait, "requests are answered", func() error {
			if requests.Load() < before+8 {
				return fmt.Errorf("there were %d", requests.Load()-before)
			}
			return nil
		})
	}
	cancel()
	clients.Wait()
}

func TestConnectionsArePassedOn(t *testing.T) {
	shout := func(name string) vendormodules.Target {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var connections sync.WaitGroup
		connections.Go(func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				connections.Go(func() {
					defer connection.Close()
					fmt.Fprintln(connection, name)
					text, _ := io.ReadAll(connection) // until the client has said all
					fmt.Fprint(connection, strings.ToUpper(string(text)))
				})
			}
		})
		t.Cleanup(func() { listener.Close(); connections.Wait() })
		return targetAt(t, name, listener.Addr().String())
	}
	one, two := shout("one"), shout("two")
	f := newFront(t, "tcp", "", dead(t), one)
	dial := func(name string) *net.TCPConn {
		t.Helper()
		connection, err := net.Dial("tcp", f.address)
		if err != nil {
			t.Fatal(err)
		}
		greeting := make([]byte, len(name))
		if _, err := io.ReadFull(connection, greeting); string(greeting) != name || err != nil {
			t.Errorf("%q answers, %v; should be %q", greeting, err, name)
		}
		return connection.(*net.TCPConn)
	}
	hear := func(connection *net.TCPConn, say, want string) {
		t.Helper()
		defer connection.Close()
		fmt.Fprint(connection, say)
		if err := connection.CloseWrite(); err != nil {
			t.Error(err)
		}
		if answer, err := io.ReadAll(connection); string(answer) != want || err != nil {
			t.Errorf("the answer is %q, %v; should be %q", answer, err, want)
		}
	}
	early := dial("one\n")
	f.set(two)
	hear(dial("two\n"), "late", "LATE")
	hear(early, "early", "EARLY")
	f.counts(2)
	if figures := f.figures(); figures.Errors != 0 {
		t.Errorf("the figures are %+v", figures)
	}
}

func TestUpgradedConnectionsArePassedOn(t *testing.T) {
	f := newFront(t, "http", "", target(t, "upgrader", http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
		connection, buffered, err := writer.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer connection.Close()
		io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
		line, _ := buffered.ReadString('\n')
		io.WriteString(connection, strings.ToUpper(line))
	})))
	connection, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "GET / HTTP/1.1\r\nHost: any\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%+v, %v", response, err)
	}
	fmt.Fprintln(connection, "hello")
	if line, err := reader.ReadString('\n'); line != "HELLO\n" {
		t.Errorf("the answer is %q, %v", line, err)
	}
}

func TestAnAddressThatIsTakenIsSaid(t *testing.T) {
	f := newFront(t, "http", "")
	if _, err := balancer.Listen(t.Context(), f.directory, io.Discard); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("Listen where another does: %v", err)
	}
}
