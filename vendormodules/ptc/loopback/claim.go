package loopback

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// ClaimPort is the port on which claims are held, the same for all instances.
const ClaimPort = 7127

// The sizes of blocks and of what they are divided into, as prefix lengths.
const (
	blockBits   = 18 // 16384 addresses; there are 1023 such blocks
	openBits    = 20 // 4094 for whoever asks for no network
	networkBits = 25 // 126 for each network
)

const (
	// blocks is the number of blocks in 127.0.0.0/8 without the first, in which everybody's localhost is.
	blocks = 1<<(blockBits-8) - 1
	// Networks is the number of networks in a block; the last part of it holds the claim.
	Networks = 1<<(networkBits-blockBits) - 1<<(networkBits-openBits) - 1
)

// ErrTaken is returned by Take when another program is in the block.
var ErrTaken = errors.New("address block is taken")

// Claim is a block that belongs to this instance until Close.
type Claim struct {
	Block    netip.Prefix
	listener net.Listener
}

// Find claims a free block, the first from a place on that depends on the seed alone, so that an instance mostly gets
// the same one and two seldom want the same.
func Find(ctx context.Context, seed string) (*Claim, error) {
	hash := fnv.New32a()
	hash.Write([]byte(seed)) // cannot fail
	first := int(hash.Sum32() % blocks)
	listeners, err := Listeners()
	if err != nil {
		return nil, err
	}
	for i := range blocks {
		claim, err := take(ctx, block(1+(first+i)%blocks), listeners)
		if err == nil || !errors.Is(err, ErrTaken) {
			return claim, err
		}
	}
	return nil, fmt.Errorf("every address block below 127.0.0.0/8 is taken, or one program listens on port %d of all of them: %w",
		ClaimPort, ErrTaken)
}

// Retake claims a block that this instance had before, whoever of its own machines listens in it; ErrTaken if another
// instance has claimed it meanwhile.
func Retake(ctx context.Context, block netip.Prefix) (*Claim, error) { return take(ctx, block, nil) }

func take(ctx context.Context, block netip.Prefix, listeners []Listener) (*Claim, error) {
	for _, listener := range listeners {
		if block.Contains(listener.Address.Addr()) {
			return nil, fmt.Errorf("somebody listens at %s: %w", listener.Address, ErrTaken)
		}
	}
	listener, err := Hold(ctx, last(block))
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, fmt.Errorf("another instance has %s: %w", block, ErrTaken)
	}
	if err != nil {
		return nil, fmt.Errorf("claim address block %s: %w", block, err)
	}
	return &Claim{block, listener}, nil
}

// Hold shows others that an address is taken, until the listener is closed.
func Hold(ctx context.Context, address netip.Addr) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp4", net.JoinHostPort(address.String(), strconv.Itoa(ClaimPort)))
}

// Close gives the block up. It may be called twice.
func (c *Claim) Close() error {
	if err := c.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("give up address block %s: %w", c.Block, err)
	}
	return nil
}

// Open is the part of a block for whoever asks for no network.
func Open(block netip.Prefix) netip.Prefix { return netip.PrefixFrom(block.Addr(), openBits) }

// Network is the part of a block that is its index-th network, from 0 to Networks-1.
func Network(block netip.Prefix, index int) netip.Prefix {
	first := number(block.Addr()) + 1<<(32-openBits) + uint32(index)<<(32-networkBits)
	return netip.PrefixFrom(address(first), networkBits)
}

// Hosts is how many addresses of a prefix can be given out: all but the first and the last.
func Hosts(prefix netip.Prefix) int { return 1<<(32-prefix.Bits()) - 2 }

// Host is the index-th address of a prefix that can be given out, from 0 to Hosts-1.
func Host(prefix netip.Prefix, index int) netip.Addr {
	return address(number(prefix.Addr()) + 1 + uint32(index))
}

func block(index int) netip.Prefix {
	return netip.PrefixFrom(address(127<<24|uint32(index)<<(32-blockBits)), blockBits)
}

func last(prefix netip.Prefix) netip.Addr { return Host(prefix, Hosts(prefix)) }

func number(address netip.Addr) uint32 {
	bytes := address.As4()
	return uint32(bytes[0])<<24 | uint32(bytes[1])<<16 | uint32(bytes[2])<<8 | uint32(bytes[3])
}

func address(number uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(number >> 24), byte(number >> 16), byte(number >> 8), byte(number)})
}
