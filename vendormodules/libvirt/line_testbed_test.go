//go:build testbed

package libvirt_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// line is what lies between a module and a daemon: a proxy that knows the frames of libvirt's protocol. A daemon that refuses
// does so as with too many clients: it ends the connection.
type line struct {
	// dial connects to the daemon for whoever has connected here.
	dial func(from net.Conn) (net.Conn, error)

	vendortest.Weather
}

var _ vendortest.Line = (*line)(nil)

// changing are the procedures by which a module makes things (libvirt's remote_protocol.x).
var changing = map[uint32]bool{
	39: true, 41: true, 48: true, // virNetworkCreate, DefineXML, SetAutostart
	93: true, 125: true, 208: true, 260: true, // virStorageVolCreateXML, CreateXMLFrom, Upload, Resize
	180: true,                       // virNWFilterDefineXML
	196: true, 264: true, 350: true, // virDomainCreateWithFlags, SetMetadata, DefineXMLFlags
}

// The kinds of frames that count here.
const (
	frameCall  = 0
	frameReply = 1
)

// frame is one of the protocol's: its length, six numbers, and what it carries.
type frame []byte

func readFrame(from io.Reader) (frame, error) {
	length := make([]byte, 4)
	if _, err := io.ReadFull(from, length); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(length)
	if size < 28 {
		return nil, errors.New("a frame without a header")
	}
	whole := append(length, make([]byte, size-4)...)
	_, err := io.ReadFull(from, whole[4:])
	return whole, err
}

func (f frame) procedure() uint32 { return binary.BigEndian.Uint32(f[12:]) }
func (f frame) kind() uint32      { return binary.BigEndian.Uint32(f[16:]) }
func (f frame) serial() uint32    { return binary.BigEndian.Uint32(f[20:]) }

// serve carries connections until the test ends.
func (l *line) serve(t *testing.T, listener net.Listener) {
	t.Helper()
	var visits sync.WaitGroup
	open := struct {
		sync.Mutex
		all []net.Conn
	}{}
	visits.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			open.Lock()
			open.all = append(open.all, from)
			open.Unlock()
			visits.Go(func() {
				defer from.Close()
				if to, err := l.dial(from); err == nil {
					l.carry(from, to)
				}
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		open.Lock()
		for _, one := range open.all {
			one.Close()
		}
		open.Unlock()
		visits.Wait()
	})
}

// carry carries frames both ways until either side ends, or the line does.
func (l *line) carry(from, to net.Conn) {
	losing := make(chan uint32, 1) // the serial number of the call whose answer is lost
	var ways sync.WaitGroup
	ways.Go(func() {
		defer to.Close()
		for {
			one, err := readFrame(from)
			if err != nil {
				return
			}
			refused, lost := false, false
			if one.kind() == frameCall {
				refused, lost = l.Meets(func() bool { return changing[one.procedure()] })
			}
			if refused {
				return
			}
			if lost {
				losing <- one.serial()
			}
			if _, err := to.Write(one); err != nil {
				return
			}
		}
	})
	defer ways.Wait()
	defer from.Close()
	for {
		one, err := readFrame(to)
		if err != nil {
			return
		}
		if stalled := l.Stalled(); stalled != nil {
			<-stalled
		}
		select {
		case serial := <-losing:
			if one.kind() == frameReply && one.serial() == serial {
				to.Close()
				return
			}
			losing <- serial
		default:
		}
		if _, err := from.Write(one); err != nil {
			to.Close()
			return
		}
	}
}

// newLine is a line to a daemon's socket, and the socket that it is reached at.
func newLine(t *testing.T, socket string) (*line, string) {
	t.Helper()
	l := &line{dial: func(net.Conn) (net.Conn, error) { return net.Dial("unix", socket) }}
	here := filepath.Join(t.TempDir(), "line")
	listener, err := net.Listen("unix", here)
	if err != nil {
		t.Fatal(err)
	}
	l.serve(t, listener)
	return l, here
}

// newSecureLine is a line to a daemon that is spoken to by TLS, and the address that it is reached at. To the daemon it
// shows the certificate that it was shown.
func newSecureLine(t *testing.T, directory, daemon string) (*line, string) {
	t.Helper()
	pair := func(name string) tls.Certificate {
		found, err := tls.LoadX509KeyPair(filepath.Join(directory, name+".pem"), filepath.Join(directory, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	authority, err := os.ReadFile(filepath.Join(directory, "authority.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	known := []tls.Certificate{pair("client"), pair("stranger")}
	l := &line{dial: func(from net.Conn) (net.Conn, error) {
		visitor := from.(*tls.Conn)
		if err := visitor.Handshake(); err != nil {
			return nil, err
		}
		to := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
		for _, one := range known {
			if bytes.Equal(one.Certificate[0], visitor.ConnectionState().PeerCertificates[0].Raw) {
				to.Certificates = []tls.Certificate{one}
			}
		}
		connection, err := tls.Dial("tcp", daemon, to)
		if err != nil {
			return nil, err
		}
		if _, err := io.CopyN(visitor, connection, 1); err != nil { // whether the daemon takes the certificate
			return nil, errors.Join(err, connection.Close())
		}
		return connection, nil
	}}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair("server")}, ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	l.serve(t, listener)
	return l, listener.Addr().String()
}
