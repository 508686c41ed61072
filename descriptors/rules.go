package descriptors

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// NetworkRule lets one kind of traffic through a network, to some of its members. A network that has rules lets through
// what one of them lists, and nothing else.
type NetworkRule struct {
	// Protocol is tcp (by default), udp or icmp.
	Protocol string `json:"protocol,omitempty" yaml:"protocol,omitempty" validate:"omitempty,oneof=tcp udp icmp"`
	// Ports that may be reached, such as 5432 or 8000..8010; all by default. There are none with icmp.
	Ports PortRange `json:"ports,omitzero" yaml:"ports,omitempty"`
	// From says who may: members by name, ranges of addresses such as 10.20.0.0/24, or the word any for everybody. All
	// members by default.
	From Names `json:"from,omitempty" yaml:"from,omitempty"`
	// To names the members that may be reached; all by default.
	To Names `json:"to,omitempty" yaml:"to,omitempty"`
}

// MaxRules is how many rules a network may have.
const MaxRules = 100

// FromAnyone is the word in NetworkRule.From that means everybody.
const FromAnyone = "any"

// Admits says whether a rule is about traffic to a member.
func (r NetworkRule) Admits(member string) bool {
	return len(r.To) == 0 || slices.Contains(r.To, member)
}

// The protocols of a rule.
const (
	ProtocolTCP  = "tcp"
	ProtocolUDP  = "udp"
	ProtocolICMP = "icmp"
)

// DefaultRuleProtocol is that of a rule which names none.
const DefaultRuleProtocol = ProtocolTCP

// maxPort is the last port.
const maxPort = 65535

// PortRange is the ports from First to Last, both included, 1 to 65535; the zero value is all of them.
type PortRange struct{ First, Last int }

// ParsePortRange reads "5432" or "8000..8010".
func ParsePortRange(text string) (PortRange, error) {
	low, high, ranged := strings.Cut(strings.TrimSpace(text), "..")
	if !ranged {
		high = low
	}
	first, errFirst := strconv.Atoi(low)
	last, errLast := strconv.Atoi(high)
	switch {
	case errFirst != nil || errLast != nil:
		return PortRange{}, fmt.Errorf("%q is not a range of ports; write 5432 or 8000..8010", text)
	case first < 1 || last < 1 || first > maxPort || last > maxPort:
		return PortRange{}, fmt.Errorf("%q: ports go from 1 to %d", text, maxPort)
	case last < first:
		return PortRange{}, fmt.Errorf("%q ends below its beginning; write %d..%d", text, last, first)
	}
	return PortRange{first, last}, nil
}

// String writes "5432" or "8000..8010", and nothing for all ports.
func (p PortRange) String() string {
	switch {
	case p == PortRange{}:
		return ""
	case p.First == p.Last:
		return strconv.Itoa(p.First)
	}
	return strconv.Itoa(p.First) + ".." + strconv.Itoa(p.Last)
}

// MarshalText implements encoding.TextMarshaler.
func (p PortRange) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// MarshalYAML writes a single port without quotes.
func (p PortRange) MarshalYAML() (any, error) {
	if p.First == p.Last && p.First != 0 {
		return p.First, nil
	}
	return p.String(), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *PortRange) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePortRange(string(text))
	return err
}

// Members are the classes on a network, whether it names them or they name it, each once, sorted.
func Members(resources map[string]Class, network string) []string {
	var members []string
	for _, name := range sortedKeys(resources) {
		if slices.Contains(Networks(resources, name), network) {
			members = append(members, name)
		}
	}
	return members
}

// How long the prefix of a network's range may be: at the least an address for each of a few machines, at the most what
// one network holds.
const (
	shortestRange = 8
	longestRange  = 29
)

// privateUse are the addresses that nobody owns (RFC 1918, RFC 6598).
var privateUse = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"),
}

// parsePrefix reads a range of IPv4 addresses in its one way of writing. The error names the nearest that is right.
func parsePrefix(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return prefix, fmt.Errorf("%q is not a range of addresses; write %s", text, nearestPrefix(text))
	case !prefix.Addr().Is4():
		return prefix, fmt.Errorf("%q is not a range of IPv4 addresses; write one such as 10.20.0.0/24", text)
	case prefix != prefix.Masked():
		return prefix, fmt.Errorf("%q is an address within a range; write %s", text, prefix.Masked())
	}
	return prefix, nil
}

// nearestPrefix is a range that a text was probably meant as.
func nearestPrefix(text string) string {
	address, bits, _ := strings.Cut(text, "/")
	parsed, err := netip.ParseAddr(address)
	if err != nil || !parsed.Is4() {
		return "one such as 10.20.0.0/24"
	}
	length, err := strconv.Atoi(bits)
	if err != nil {
		length = 24 // what most networks have
	}
	prefix, _ := parsed.Prefix(min(max(length, shortestRange), 32))
	return prefix.String()
}

// parseRange is parsePrefix for the range of a network.
func parseRange(text string) (netip.Prefix, error) {
	prefix, err := parsePrefix(text)
	if err != nil {
		return prefix, err
	}
	inside := func(block netip.Prefix) bool { return block.Bits() <= prefix.Bits() && block.Overlaps(prefix) }
	switch {
	case prefix.Bits() > longestRange:
		nearest, _ := prefix.Addr().Prefix(longestRange)
		return prefix, fmt.Errorf("%q is too small for a network; at least /%d, such as %s", text, longestRange, nearest)
	case prefix.Bits() < shortestRange:
		nearest, _ := prefix.Addr().Prefix(shortestRange)
		return prefix, fmt.Errorf("%q is too large for a network; at most /%d, such as %s", text, shortestRange, nearest)
	case !slices.ContainsFunc(privateUse, inside):
		return prefix, fmt.Errorf("%q is not for private use; write one within 10.0.0.0/8, 172.16.0.0/12, "+
			"192.168.0.0/16 or 100.64.0.0/10", text)
	}
	return prefix, nil
}
