package loopback_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/ptc/loopback"
	"github.com/cloud-agency/agency/vendormodules/ptc/process"
)

func find(t *testing.T, seed string) *loopback.Claim {
	t.Helper()
	claim, err := loopback.Find(t.Context(), seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := claim.Close(); err != nil {
			t.Error(err)
		}
	})
	return claim
}

func TestNoBlockIsClaimedTwice(t *testing.T) {
	claims := make([]*loopback.Claim, 8)
	var all sync.WaitGroup
	for i := range claims {
		all.Go(func() { claims[i] = find(t, "one seed") })
	}
	all.Wait()
	blocks := map[netip.Prefix]bool{}
	for _, claim := range claims {
		if blocks[claim.Block] || claim.Block.Contains(netip.MustParseAddr("127.0.0.1")) || !claim.Block.Addr().IsLoopback() {
			t.Errorf("%s is claimed twice, or should not be at all", claim.Block)
		}
		blocks[claim.Block] = true
	}
	if _, err := loopback.Retake(t.Context(), claims[0].Block); !errors.Is(err, loopback.ErrTaken) {
		t.Errorf("Retake of a block that is claimed: %v", err)
	}
}

func TestABlockInWhichSomebodyListensIsNotTaken(t *testing.T) {
	first := find(t, "listened in")
	block := first.Block
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback.Host(block, 77).String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if second := find(t, "listened in"); second.Block == block {
		t.Errorf("%s is claimed while somebody listens at %s", block, listener.Addr())
	}
	mine, err := loopback.Retake(t.Context(), block)
	if err != nil {
		t.Fatalf("Retake with its own machines in it: %v", err)
	}
	if err := mine.Close(); err != nil {
		t.Error(err)
	}
}

func TestPartsOfABlockDoNotOverlap(t *testing.T) {
	block := find(t, "parts").Block
	parts := []netip.Prefix{loopback.Open(block)}
	for i := range loopback.Networks {
		parts = append(parts, loopback.Network(block, i))
	}
	last := loopback.Host(block, loopback.Hosts(block))
	for i, part := range parts {
		if !block.Contains(part.Addr()) || part != part.Masked() || part.Contains(last) {
			t.Errorf("part %d, %s, is not in %s, not whole, or has the claim in it", i, part, block)
		}
		if index := slices.IndexFunc(parts[i+1:], part.Overlaps); index >= 0 {
			t.Errorf("%s and %s overlap", part, parts[i+1+index])
		}
		first, final := loopback.Host(part, 0), loopback.Host(part, loopback.Hosts(part)-1)
		if !part.Contains(first) || !part.Contains(final) || first == part.Addr() || part.Contains(final.Next().Next()) {
			t.Errorf("%s gives out %s to %s", part, first, final)
		}
	}
}

func TestListenersAreFoundWithTheirProcess(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0", "[::1]:0"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue // no IPv6 here
		}
		defer listener.Close()
		port := uint16(listener.Addr().(*net.TCPAddr).Port)
		all, err := loopback.Listeners()
		if err != nil {
			t.Fatal(err)
		}
		index := slices.IndexFunc(all, func(one loopback.Listener) bool { return one.Address.Port() == port })
		if index < 0 {
			t.Errorf("%s is not found", listener.Addr())
			continue
		}
		found := all[index]
		host, _, _ := net.SplitHostPort(address)
		if found.Everywhere() != netip.MustParseAddr(host).IsUnspecified() || strconv.Itoa(int(found.Address.Port())) == "0" {
			t.Errorf("%s is found as %+v", listener.Addr(), found)
		}
		sockets, err := process.Sockets(os.Getpid())
		if err != nil || !slices.Contains(sockets, found.Inode) {
			t.Errorf("%s is not found among this process's sockets, %v", listener.Addr(), err)
		}
	}
}
