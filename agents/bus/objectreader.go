package bus

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"

	"github.com/nats-io/nats.go"
)

// objectReader reads an object chunk by chunk, each when it is wanted, so that a slow reader is not flooded and there is
// nothing to leave behind.
type objectReader struct {
	ctx    context.Context // of GetObject: an io.Reader has no other place for it
	peer   *Peer
	owner  string
	entry  objectEntry
	hash   hash.Hash
	chunk  []byte
	next   uint64 // sequence number in the stream from which on to look for the next chunk
	read   uint64
	result error
}

func newObjectReader(ctx context.Context, peer *Peer, owner string, entry objectEntry) *objectReader {
	return &objectReader{ctx: ctx, peer: peer, owner: owner, entry: entry, hash: sha256.New(), next: 1}
}

// Read implements io.Reader.
func (r *objectReader) Read(buffer []byte) (int, error) {
	for len(r.chunk) == 0 && r.result == nil {
		r.result = r.fetch()
	}
	if len(r.chunk) == 0 {
		return 0, r.result
	}
	count := copy(buffer, r.chunk)
	r.chunk = r.chunk[count:]
	return count, nil
}

// fetch gets the next chunk, or says how the object ended.
func (r *objectReader) fetch() error {
	if r.read >= r.entry.Size {
		if r.read > r.entry.Size || !sameDigest(formatDigest(r.hash.Sum(nil)), r.entry.Digest) {
			return fmt.Errorf("get %s from %s: %w", r.entry.Name, r.owner, ErrObjectAltered)
		}
		return io.EOF
	}
	chunk, err := r.ask()
	if err != nil {
		return fmt.Errorf("get %s from %s: %w", r.entry.Name, r.owner, err)
	}
	r.chunk = chunk
	r.read += uint64(len(chunk))
	r.hash.Write(chunk)
	return nil
}

func (r *objectReader) ask() ([]byte, error) {
	body, err := json.Marshal(struct {
		Sequence uint64 `json:"seq"`
		Next     string `json:"next_by_subj"`
	}{r.next, chunkSubject(r.owner, r.entry.NUID)})
	if err != nil {
		return nil, err
	}
	answer, err := r.peer.direct(r.ctx, &nats.Msg{Subject: "$JS.API.DIRECT.GET." + bucketStream(r.owner), Data: body})
	if errors.Is(err, ErrNoObject) {
		return nil, fmt.Errorf("%w: it ends after %d of %d bytes", ErrObjectAltered, r.read, r.entry.Size)
	}
	if err != nil {
		return nil, err
	}
	sequence, err := strconv.ParseUint(answer.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("bucket answered without a sequence number: %w", err)
	}
	r.next = sequence + 1
	return answer.Data, nil
}

// Close implements io.Closer.
func (r *objectReader) Close() error {
	r.chunk, r.result = nil, fmt.Errorf("get %s from %s: %w", r.entry.Name, r.owner, io.ErrClosedPipe)
	return nil
}
