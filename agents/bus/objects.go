package bus

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/cloud-agency/agency/proto"
)

var (
	// ErrNoObject is returned for an object, or a bucket, that is not there.
	ErrNoObject = errors.New("no such object")
	// ErrObjectExists is returned when an object of that name and another content is there. Objects never change: name
	// them by what they hold.
	ErrObjectExists = errors.New("another object has that name")
	// ErrObjectAltered is returned when what is read is not what was put.
	ErrObjectAltered = errors.New("object is not what was put")
)

// chunkSize is what one message holds of an object.
const chunkSize = 128 << 10

// objectEntry describes an object in the layout of the NATS object store, which other clients read too.
type objectEntry struct {
	Name    string    `json:"name"`
	Bucket  string    `json:"bucket"`
	NUID    string    `json:"nuid"`
	Size    uint64    `json:"size"`
	ModTime time.Time `json:"mtime"`
	Chunks  uint32    `json:"chunks"`
	Digest  string    `json:"digest"`
	Deleted bool      `json:"deleted,omitempty"`
	Options struct {
		ChunkSize int `json:"max_chunk_size"`
	} `json:"options"`
}

func metaSubject(owner, name string) string {
	return "$O." + owner + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
}

func chunkSubject(owner, id string) string { return "$O." + owner + ".C." + id }

// PutObject stores content under a name in the bucket of an agent (a vendor's name, or "deployer"), and returns its
// digest ("SHA-256=...") and size in bytes. What is there already with the same content is left as it is.
func (p *Peer) PutObject(ctx context.Context, owner, name string, content io.Reader) (digest string, size int64, err error) {
	there, err := p.objectEntry(ctx, owner, name)
	switch {
	case err == nil:
		return there.same(name, content)
	case !errors.Is(err, ErrNoObject):
		return "", 0, fmt.Errorf("put %s to %s: %w", name, owner, err)
	}
	entry, err := p.putChunks(ctx, owner, content)
	if err != nil {
		return "", 0, fmt.Errorf("put %s to %s: %w", name, owner, err)
	}
	entry.Name = name
	if err := p.putEntry(ctx, owner, entry); err != nil {
		return "", 0, fmt.Errorf("put %s to %s: %w", name, owner, err)
	}
	return entry.Digest, int64(entry.Size), nil
}

// same compares content with an object that is there.
func (e objectEntry) same(name string, content io.Reader) (string, int64, error) {
	hash := sha256.New()
	size, err := io.Copy(hash, content)
	if err != nil {
		return "", 0, fmt.Errorf("put %s: %w", name, err)
	}
	if digest := formatDigest(hash.Sum(nil)); digest != e.Digest {
		return "", 0, fmt.Errorf("put %s: %w", name, ErrObjectExists)
	}
	return e.Digest, size, nil
}

// putChunks stores content and returns the entry that would show it. Until that is put, nobody sees the chunks.
func (p *Peer) putChunks(ctx context.Context, owner string, content io.Reader) (objectEntry, error) {
	entry := objectEntry{Bucket: owner, NUID: proto.FreshID(), ModTime: p.now().UTC()}
	entry.Options.ChunkSize = chunkSize
	hash := sha256.New()
	for last := false; !last; {
		chunk := make([]byte, chunkSize)
		count, err := io.ReadFull(content, chunk)
		last = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return objectEntry{}, err
		}
		if count > 0 {
			hash.Write(chunk[:count])
			message := &nats.Msg{Subject: chunkSubject(owner, entry.NUID), Data: chunk[:count]}
			if err := p.store(ctx, message); err != nil {
				return objectEntry{}, err
			}
			entry.Size += uint64(count)
			entry.Chunks++
		}
	}
	entry.Digest = formatDigest(hash.Sum(nil))
	return entry, nil
}

func (p *Peer) putEntry(ctx context.Context, owner string, entry objectEntry) error {
	body, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	message := nats.NewMsg(metaSubject(owner, entry.Name))
	message.Data = body
	message.Header.Set("Nats-Rollup", "sub")
	return p.store(ctx, message)
}

// store publishes to a stream and waits until it has the message.
func (p *Peer) store(ctx context.Context, message *nats.Msg) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	answer, err := p.exchange(ctx, message)
	if errors.Is(err, ErrAbsent) {
		return fmt.Errorf("%w: no bucket takes it", ErrNoObject)
	}
	if err != nil {
		return err
	}
	return stored(answer)
}

// GetObject opens an object of a bucket. Reading fails with ErrObjectAltered at the end if the content is not what was
// put, and with the context.
func (p *Peer) GetObject(ctx context.Context, owner, name string) (io.ReadCloser, error) {
	entry, err := p.objectEntry(ctx, owner, name)
	if err != nil {
		return nil, fmt.Errorf("get %s from %s: %w", name, owner, err)
	}
	return newObjectReader(ctx, p, owner, entry), nil
}

// DeleteObject removes an object from the agent's own bucket. One that is not there is ErrNoObject.
func (p *Peer) DeleteObject(ctx context.Context, owner, name string) error {
	entry, err := p.objectEntry(ctx, owner, name)
	if err != nil {
		return fmt.Errorf("delete %s of %s: %w", name, owner, err)
	}
	gone := objectEntry{Name: name, Bucket: owner, NUID: entry.NUID, ModTime: p.now().UTC(), Deleted: true}
	if err := p.putEntry(ctx, owner, gone); err != nil {
		return fmt.Errorf("delete %s of %s: %w", name, owner, err)
	}
	filter, err := json.Marshal(map[string]string{"filter": chunkSubject(owner, entry.NUID)})
	if err != nil {
		return err
	}
	purge := &nats.Msg{Subject: "$JS.API.STREAM.PURGE." + bucketStream(owner), Data: filter}
	if err := p.store(ctx, purge); err != nil {
		return fmt.Errorf("delete %s of %s: %w", name, owner, err)
	}
	return nil
}

// objectEntry looks an object up; ErrNoObject if there is none, no longer, or no such bucket.
func (p *Peer) objectEntry(ctx context.Context, owner, name string) (objectEntry, error) {
	subject := "$JS.API.DIRECT.GET." + bucketStream(owner) + "." + metaSubject(owner, name)
	answer, err := p.direct(ctx, &nats.Msg{Subject: subject})
	if err != nil {
		return objectEntry{}, err
	}
	var entry objectEntry
	if err := json.Unmarshal(answer.Data, &entry); err != nil {
		return objectEntry{}, fmt.Errorf("%w: %w", ErrObjectAltered, err)
	}
	if entry.Deleted {
		return objectEntry{}, ErrNoObject
	}
	return entry, nil
}

// direct asks a stream for one message of it.
func (p *Peer) direct(ctx context.Context, question *nats.Msg) (*nats.Msg, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	answer, err := p.exchange(ctx, question)
	if errors.Is(err, ErrAbsent) {
		return nil, fmt.Errorf("%w: no such bucket", ErrNoObject)
	}
	if err != nil {
		return nil, err
	}
	switch status := answer.Header.Get("Status"); status {
	case "":
		return answer, nil
	case "404":
		return nil, ErrNoObject
	default:
		return nil, fmt.Errorf("bucket answered %s %s", status, answer.Header.Get("Description"))
	}
}

func formatDigest(sum []byte) string { return "SHA-256=" + base64.URLEncoding.EncodeToString(sum) }

// sameDigest compares digests that may differ in padding.
func sameDigest(one, other string) bool {
	return strings.TrimRight(one, "=") == strings.TrimRight(other, "=")
}
