package link

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"
)

// Transport is how a daemon is reached.
type Transport string

// The transports.
const (
	Unix Transport = "unix"
	TCP  Transport = "tcp"
	TLS  Transport = "tls"
	SSH  Transport = "ssh"
)

// Where daemons listen unless a URI says otherwise.
const (
	defaultSocket = "/var/run/libvirt/libvirt-sock"
	portTCP       = "16509"
	portTLS       = "16514"
	portSSH       = "22"
)

// Address is where a daemon is, and which of its drivers is meant.
type Address struct {
	Transport Transport
	// Endpoint is host:port, empty for Unix.
	Endpoint string
	// User to log in as, for SSH.
	User string
	// Socket is the path of the daemon's socket, for Unix and SSH.
	Socket string
	// Driver is the URI that the daemon itself is asked to open: qemu:///system.
	Driver string
}

// ParseAddress reads a libvirt URI: driver[+transport]://[user@][host][:port]/path[?socket=path]. As with libvirt, a host
// without a transport means TLS.
func ParseAddress(text string) (Address, error) {
	uri, err := url.Parse(text)
	if err != nil {
		return Address{}, err
	}
	driver, transport, said := strings.Cut(uri.Scheme, "+")
	address := Address{Transport: Transport(transport), User: uri.User.Username(), Driver: driver + "://" + uri.Path}
	if _, secret := uri.User.Password(); secret {
		return Address{}, errors.New("a password does not belong in a URI, but into the vendor's credential")
	}
	if driver == "" || uri.Path == "" {
		return Address{}, errors.New("write a libvirt URI such as qemu:///system or qemu+ssh://root@host/system")
	}
	if !said {
		address.Transport = TLS
		if uri.Hostname() == "" {
			address.Transport = Unix
		}
	}
	if err := address.checkQuery(uri.Query()); err != nil {
		return Address{}, err
	}
	return address, address.locate(uri)
}

func (a *Address) checkQuery(query url.Values) error {
	for name := range query {
		if name != "socket" {
			return fmt.Errorf("%q is not understood; socket is", name)
		}
	}
	a.Socket = query.Get("socket")
	if a.Socket != "" && !path.IsAbs(a.Socket) {
		return fmt.Errorf("socket %q is not an absolute path", a.Socket)
	}
	return nil
}

// locate finds out where the daemon listens.
func (a *Address) locate(uri *url.URL) error {
	ports := map[Transport]string{TCP: portTCP, TLS: portTLS, SSH: portSSH}
	port, remote := ports[a.Transport]
	switch {
	case !remote && a.Transport != Unix:
		return fmt.Errorf("there is no transport %q; there are unix, tcp, tls, ssh", a.Transport)
	case !remote && uri.Host != "":
		return fmt.Errorf("a local socket is not on host %q", uri.Host)
	case remote && uri.Hostname() == "":
		return fmt.Errorf("transport %s needs a host", a.Transport)
	case remote:
		if uri.Port() != "" {
			port = uri.Port()
		}
		a.Endpoint = net.JoinHostPort(uri.Hostname(), port)
	}
	if a.Socket == "" && (a.Transport == Unix || a.Transport == SSH) {
		a.Socket = defaultSocket
	}
	return nil
}
