package vendor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// spool is where an errand's streams go: files of the agent's own, from which pages are told.
type spool struct {
	directory, id string
	streams       map[string]*stream
}

// stream is one of them. The beginning is kept for the outcome.
type stream struct {
	file  *os.File
	hash  hash.Hash
	size  int64
	begin []byte
}

func newSpool(directory, id string) *spool {
	return &spool{directory: directory, id: id, streams: map[string]*stream{}}
}

// open makes a stream.
func (s *spool) open(name string) (*stream, error) {
	file, err := os.CreateTemp(s.directory, "errand-"+name+"-*")
	if err != nil {
		return nil, err
	}
	opened := &stream{file: file, hash: sha256.New()}
	s.streams[name] = opened
	return opened, nil
}

// Write implements io.Writer.
func (s *stream) Write(text []byte) (int, error) {
	written, err := s.file.Write(text)
	s.hash.Write(text[:written])
	s.size += int64(written)
	s.begin = append(s.begin, text[:min(written, proto.MaxPage-len(s.begin))]...)
	return written, err
}

func (s *spool) close() error {
	var all error
	for _, one := range s.streams {
		all = errors.Join(all, one.file.Close())
	}
	return all
}

// described are the streams for a result. Archives are told by pages alone.
func (s *spool) described() map[string]proto.Stream {
	described := map[string]proto.Stream{}
	for name, one := range s.streams {
		told := proto.Stream{Size: one.size, Digest: hex.EncodeToString(one.hash.Sum(nil))}
		if name != proto.StreamArchive {
			told.Text = one.begin
		}
		described[name] = told
	}
	return described
}

func (s *spool) paths() map[string]string {
	paths := map[string]string{}
	for name, one := range s.streams {
		paths[name] = one.file.Name()
	}
	return paths
}

// execute runs a command. Its input is what was uploaded, else what came with the errand.
func (a *Agent) execute(
	ctx context.Context, id string, command proto.ResourceCommand, uploaded *os.File, spool *spool,
) (int, error) {
	stdout, err := spool.open(proto.StreamStdout)
	if err != nil {
		return 0, err
	}
	stderr, err := spool.open(proto.StreamStderr)
	if err != nil {
		return 0, err
	}
	asked := vendormodules.Command{Arguments: command.Errand.Arguments, Directory: command.Errand.Directory}
	switch {
	case uploaded != nil:
		asked.Input = uploaded
	case len(command.Errand.Input) > 0:
		asked.Input = bytes.NewReader(command.Errand.Input)
	}
	return a.abilities.Executor.Execute(ctx, id, asked, stdout, stderr)
}

func (a *Agent) readFiles(ctx context.Context, id, path string, spool *spool) error {
	archive, err := a.abilities.Files.ReadFiles(ctx, id, path)
	if err != nil {
		return err
	}
	into, err := spool.open(proto.StreamArchive)
	if err == nil {
		_, err = io.Copy(into, archive)
	}
	return errors.Join(err, archive.Close())
}

// uploaded fetches what comes with an errand, makes sure that it is what was sent, and deletes it from the object store.
// It is nil if there is nothing.
func (a *Agent) uploaded(ctx context.Context, command proto.ResourceCommand) (*os.File, error) {
	if command.Upload == "" {
		return nil, nil //nolint:nilnil // nothing came, and nothing is wrong
	}
	path, err := a.fetch(ctx, command.Upload)
	if path != "" && err != nil {
		_ = os.Remove(path)
	}
	if err != nil {
		return nil, err
	}
	if err := a.Peer.DeleteObject(ctx, a.name, command.Upload); err != nil && !errors.Is(err, bus.ErrNoObject) {
		return nil, errors.Join(err, os.Remove(path))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	if err == nil && hex.EncodeToString(sum.Sum(nil)) != command.Errand.Digest {
		err = fmt.Errorf("%s is not what was sent: %w", command.Upload, vendormodules.ErrInvalid)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(path))
	}
	return file, nil
}

// output answers with a page of what an errand left behind.
func (a *Agent) output(message proto.Message, question proto.Question) proto.Message {
	a.mutex.Lock()
	path := ""
	if one := a.errands[question.Subject]; one != nil {
		path = one.spooled[question.Stream]
	}
	a.mutex.Unlock()
	if path == "" || question.Offset < 0 {
		return proto.Refusing(message, proto.Refuse, *refusalf(sla.RefusedNotFound, "%s has no such output, or no longer", a.name))
	}
	page, err := readPage(path, question.Offset)
	if err != nil {
		return proto.Refusing(message, proto.Refuse, *refusalOf(fmt.Errorf("output %s: %w", filepath.Base(path), err)))
	}
	return proto.Answer(message, proto.Inform, page)
}

func readPage(path string, offset int64) (proto.ConsolePage, error) {
	file, err := os.Open(path)
	if err != nil {
		return proto.ConsolePage{}, err
	}
	defer file.Close() // only read
	text := make([]byte, proto.MaxPage)
	read, err := file.ReadAt(text, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return proto.ConsolePage{}, err
	}
	return proto.ConsolePage{Text: text[:read], End: offset + int64(read), More: err == nil}, nil
}
