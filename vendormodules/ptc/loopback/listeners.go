package loopback

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Listener is one TCP socket that waits for connections.
type Listener struct {
	Address netip.AddrPort
	Inode   uint64
}

// Everywhere says that it waits on every address of this machine.
func (l Listener) Everywhere() bool { return l.Address.Addr().IsUnspecified() }

// Listeners returns every listening TCP socket of this machine, of whomever.
func Listeners() ([]Listener, error) {
	var all []Listener
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) && name == "/proc/net/tcp6" {
			continue // no IPv6 here
		}
		if err != nil {
			return nil, fmt.Errorf("list listeners: %w", err)
		}
		found, err := parseListeners(file)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, fmt.Errorf("list listeners: %s: %w", name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// listening is the state TCP_LISTEN in /proc/net/tcp.
const listening = "0A"

func parseListeners(reader io.Reader) ([]Listener, error) {
	var found []Listener
	scanner := bufio.NewScanner(reader)
	scanner.Scan() // the heading
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		address, err := parseAddress(fields[1])
		if err != nil {
			return nil, err
		}
		inode, err := strconv.ParseUint(fields[9], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("inode %q: %w", fields[9], err)
		}
		found = append(found, Listener{address, inode})
	}
	return found, scanner.Err()
}

// parseAddress reads "0100007F:1F90": the address as words in the byte order of the machine, which is little-endian
// wherever the agency runs, and the port as a number.
func parseAddress(text string) (netip.AddrPort, error) {
	host, port, found := strings.Cut(text, ":")
	bytes, err := hex.DecodeString(host)
	if !found || err != nil || len(bytes)%4 != 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address", text)
	}
	for word := range slices.Chunk(bytes, 4) {
		slices.Reverse(word)
	}
	address, valid := netip.AddrFromSlice(bytes)
	number, err := strconv.ParseUint(port, 16, 16)
	if !valid || err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address", text)
	}
	return netip.AddrPortFrom(address.Unmap(), uint16(number)), nil
}
