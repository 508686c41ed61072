package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cloud-agency/agency/agents/bus"
)

// content is bytes without a pattern, of several chunks.
func content(size int) []byte {
	random := rand.NewChaCha8([32]byte{1})
	bytes := make([]byte, size)
	random.Read(bytes)
	return bytes
}

func readObject(t *testing.T, peer *bus.Peer, owner, name string) ([]byte, error) {
	t.Helper()
	reader, err := peer.GetObject(t.Context(), owner, name)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return io.ReadAll(reader)
}

func TestObjectsTravelFromClientToVendor(t *testing.T) {
	a := startAgency(t, "client.ada", "deployer", "vendor.one")
	ada, deployer, one := a.connect(t, "client.ada"), a.connect(t, "deployer"), a.connect(t, "vendor.one")
	for _, size := range []int{0, 1, 128 << 10, 3<<20 + 17} {
		want := content(size)
		name := fmt.Sprintf("site ü/%d", size)
		digest, stored, err := ada.PutObject(t.Context(), "deployer", name, bytes.NewReader(want))
		if err != nil || stored != int64(size) {
			t.Fatalf("%d bytes: put %d, %v", size, stored, err)
		}
		if got, err := readObject(t, deployer, "deployer", name); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: deployer read %d, %v", size, len(got), err)
		}
		again, _, err := deployer.PutObject(t.Context(), "one", name, bytes.NewReader(want))
		if err != nil || again != digest {
			t.Fatalf("%d bytes: digest %s, then %s, %v", size, digest, again, err)
		}
		if got, err := readObject(t, one, "one", name); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: vendor read %d, %v", size, len(got), err)
		}
	}
}

func TestObjectsNeverChange(t *testing.T) {
	a := startAgency(t, "client.ada", "deployer")
	ada := a.connect(t, "client.ada")
	put := func(text string) error {
		_, _, err := ada.PutObject(t.Context(), "deployer", "archive", bytes.NewReader([]byte(text)))
		return err
	}
	if err := errors.Join(put("one"), put("one")); err != nil {
		t.Fatalf("the same content again: %v", err)
	}
	if err := put("two"); !errors.Is(err, bus.ErrObjectExists) {
		t.Fatalf("another content: %v, want ErrObjectExists", err)
	}
	if got, err := readObject(t, a.connect(t, "deployer"), "deployer", "archive"); string(got) != "one" {
		t.Fatalf("read %q, %v", got, err)
	}
}

func TestDeletedObjectsAreGone(t *testing.T) {
	a := startAgency(t, "deployer", "vendor.one")
	deployer, one := a.connect(t, "deployer"), a.connect(t, "vendor.one")
	if _, _, err := deployer.PutObject(t.Context(), "one", "archive", bytes.NewReader(content(1000))); err != nil {
		t.Fatal(err)
	}
	if err := one.DeleteObject(t.Context(), "one", "archive"); err != nil {
		t.Fatal(err)
	}
	if _, err := readObject(t, one, "one", "archive"); !errors.Is(err, bus.ErrNoObject) {
		t.Fatalf("got %v, want ErrNoObject", err)
	}
	if err := one.DeleteObject(t.Context(), "one", "archive"); !errors.Is(err, bus.ErrNoObject) {
		t.Fatalf("deleting again: %v, want ErrNoObject", err)
	}
	if _, _, err := deployer.PutObject(t.Context(), "one", "archive", bytes.NewReader(content(2000))); err != nil {
		t.Fatalf("putting again: %v", err)
	}
}

// A vendor agent in another language uses the object store of its NATS client.
func TestObjectsAreReadByTheNATSObjectStore(t *testing.T) {
	a := startAgency(t, "deployer", "vendor.one")
	want := content(300 << 10)
	if _, _, err := a.connect(t, "deployer").PutObject(t.Context(), "one", "archive", bytes.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	stream, err := jetstream.New(a.raw(t, "vendor.one").Conn)
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := stream.ObjectStore(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	got, err := bucket.GetBytes(t.Context(), "archive")
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	if _, err := bucket.PutBytes(t.Context(), "result", want); err != nil {
		t.Fatal(err)
	}
	if err := bucket.Delete(t.Context(), "archive"); err != nil {
		t.Fatal(err)
	}
	if got, err := readObject(t, a.connect(t, "vendor.one"), "one", "result"); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read back %d bytes, %v", len(got), err)
	}
}

func TestReadingAnObjectEndsWithItsContext(t *testing.T) {
	a := startAgency(t, "client.ada", "deployer")
	if _, _, err := a.connect(t, "client.ada").PutObject(t.Context(), "deployer", "archive", bytes.NewReader(content(1<<20))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	reader, err := a.connect(t, "deployer").GetObject(ctx, "deployer", "archive")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := io.ReadFull(reader, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(reader); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the context's error", err)
	}
}
