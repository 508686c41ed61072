package keeper

import (
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/vendormodules/ptc/process"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// order is what a visitor asks for. Three files come with it: the command's input, output and errors.
type order struct {
	Token     string   `json:"token"`
	Arguments []string `json:"arguments"`
	// Directory is a path on the host, below the machine's root.
	Directory string `json:"directory"`
}

// ending is what a visitor is told.
type ending struct {
	Exit int `json:"exit"`
	// Fault says why the command was not run; empty if it was.
	Fault string `json:"fault,omitempty"`
}

const (
	// maxOrder is the most that an order may come to, in bytes.
	maxOrder = 1 << 20
	// visitFiles is how many files come with an order.
	visitFiles = 3
)

// visitScript runs its arguments in the directory that is the first of them.
const visitScript = `cd -- "$1" || exit 126; shift; exec "$@"`

// visit is a command that somebody from outside runs in the machine.
type visit struct {
	order      order
	files      []*os.File
	connection *net.UnixConn
	pid        int
	// report is what the stage said, once it has become the command or has failed.
	report chan string
}

// receive listens for visitors until the function returned is called, which waits for whoever is being received.
func (s *supervisor) receive() (end func(), err error) {
	opened, err := os.Open(string(s.directory))
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	defer opened.Close() // only read
	if err := os.Remove(filepath.Join(string(s.directory), record.Control)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: controlPath(opened), Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	listener.SetUnlinkOnClose(false) // the path is gone by then; the next keeper removes it
	over := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			connection, err := listener.AcceptUnix()
			if err != nil {
				return // closed
			}
			group.Go(func() { s.attend(connection, over) })
		}
	})
	return func() {
		close(over)
		listener.Close() //nolint:errcheck // the process ends
		group.Wait()
	}, nil
}

func controlPath(directory *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", directory.Fd(), record.Control)
}

// attend takes one visitor's order, and notices when the visitor goes.
func (s *supervisor) attend(connection *net.UnixConn, over <-chan struct{}) {
	defer connection.Close() //nolint:errcheck // everything was said
	left := make(chan struct{})
	defer close(left)
	go func() { // reading ends with the keeper
		select {
		case <-over:
			connection.Close() //nolint:errcheck // closed twice at most
		case <-left:
		}
	}()
	visitor, err := accept(connection)
	if err == nil && subtle.ConstantTimeCompare([]byte(visitor.order.Token), []byte(s.status.Token)) != 1 {
		err = errors.New("not known here")
	}
	if err != nil {
		answer(connection, ending{Fault: err.Error()})
		visitor.close()
		return
	}
	select {
	case s.visits <- visitor:
	case <-over:
		visitor.close()
		return
	}
	io.Copy(io.Discard, connection) //nolint:errcheck // it says nothing more, and goes
	select {
	case s.gone <- visitor:
	case <-over:
	}
}

// accept reads an order: its length, with which the files come, and its text.
func accept(connection *net.UnixConn) (*visit, error) {
	visitor := &visit{connection: connection, report: make(chan string, 1)}
	length, rights := make([]byte, 4), make([]byte, unix.CmsgSpace(visitFiles*4))
	read, attached, _, _, err := connection.ReadMsgUnix(length, rights)
	if err != nil {
		return visitor, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:attached])
	for i := range messages {
		descriptors, failure := unix.ParseUnixRights(&messages[i])
		err = errors.Join(err, failure)
		for _, descriptor := range descriptors {
			unix.CloseOnExec(descriptor)
			visitor.files = append(visitor.files, os.NewFile(uintptr(descriptor), "visitor's"))
		}
	}
	if err != nil || read != len(length) || len(visitor.files) != visitFiles {
		return visitor, errors.Join(errors.New("no order, or without its files"), err)
	}
	size := binary.BigEndian.Uint32(length)
	if size > maxOrder {
		return visitor, errors.New("the command is too long")
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(connection, text); err != nil {
		return visitor, err
	}
	return visitor, json.Unmarshal(text, &visitor.order)
}

func (v *visit) close() {
	for _, file := range v.files {
		file.Close() // the other side has its own
	}
	v.files = nil
}

func answer(connection *net.UnixConn, told ending) {
	text, err := json.Marshal(told)
	if err == nil {
		connection.Write(text) //nolint:errcheck // who asked may be gone
	}
	connection.CloseWrite() //nolint:errcheck // likewise
}

// welcome runs what a visitor wants, as one of the machine's own.
func (s *supervisor) welcome(visitor *visit) {
	defer visitor.close()
	if s.status.Phase != record.Running {
		answer(visitor.connection, ending{Fault: "the machine is " + string(s.status.Phase)})
		return
	}
	report, reportEnd, err := os.Pipe()
	if err == nil {
		arguments := append([]string{visitor.order.Directory}, visitor.order.Arguments...)
		visitor.pid, err = s.stage(visitScript, arguments, append(visitor.files, reportEnd)...)
		reportEnd.Close() // the stage has its own
	}
	if err != nil {
		if report != nil {
			report.Close() // only read
		}
		answer(visitor.connection, ending{Fault: err.Error()})
		return
	}
	s.visitors[visitor.pid] = visitor
	s.output.Go(func() {
		message, _ := io.ReadAll(report) // a stage that dies says nothing
		report.Close()                   // only read
		visitor.report <- string(message)
	})
}

// departed tells a visitor how its command has ended.
func (s *supervisor) departed(pid int, status unix.WaitStatus) {
	visitor := s.visitors[pid]
	if visitor == nil {
		return
	}
	delete(s.visitors, pid)
	told := ending{Exit: status.ExitStatus(), Fault: <-visitor.report}
	if status.Signaled() {
		told.Exit = 128 + int(status.Signal())
	}
	answer(visitor.connection, told)
}

// dismiss kills what a visitor that went before its end has started. What moved out of its reach ends with the machine.
func (s *supervisor) dismiss(visitor *visit) error {
	if s.visitors[visitor.pid] != visitor || visitor.pid == 0 {
		return nil
	}
	table, err := process.All()
	if err != nil {
		return err
	}
	for _, one := range table.Below(visitor.pid) {
		unix.Kill(one.PID, unix.SIGKILL) //nolint:errcheck // it may be gone
	}
	if err := unix.Kill(-visitor.pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end a visitor's command: %w", err)
	}
	return nil
}
