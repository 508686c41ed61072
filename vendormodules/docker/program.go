package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/vendormodules"
)

// program is the agency's own, of which the image of balancers is made. That image has nothing beside it, so that the
// program must need nothing.
type program struct {
	path string

	mutex sync.Mutex
	// tag of the image, once the program was read; it does not change under this process.
	tag string
	// needs is what is wrong with it; nil if nothing is, or while nobody has looked.
	needs  error
	looked bool
}

// check says why the program cannot run in a container by itself; nil if it can.
func (p *program) check() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !p.looked {
		p.needs, p.looked = selfSufficient(p.path), true
	}
	return p.needs
}

func selfSufficient(path string) error {
	if path == "" {
		return errors.New("balancers run the agency's program, and the module was not told where it is")
	}
	binary, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("balancers run the agency's program, which cannot be read: %w", err)
	}
	defer binary.Close() //nolint:errcheck // only read
	for _, segment := range binary.Progs {
		if segment.Type == elf.PT_INTERP {
			return errors.New("balancers need an agency that is linked statically: make static, or say program in the configuration")
		}
	}
	return nil
}

// image is the tag of the image that holds the program; a host that does not have it yet gets it.
func (p *program) image(ctx context.Context, engine *client.Client) (string, error) {
	if err := p.check(); err != nil {
		return "", fmt.Errorf("%w: %w", err, vendormodules.ErrUnsupported)
	}
	tag, err := p.name()
	if err != nil {
		return "", err
	}
	if _, err = engine.ImageInspect(ctx, tag); !errors.Is(mapped(err), vendormodules.ErrNotFound) || err == nil {
		return tag, err
	}
	changes := []string{`ENTRYPOINT ["/agency"]`}
	return tag, importImage(ctx, engine, tag, changes, func(into io.Writer) error {
		return pack(into, entry{name: "agency", file: p.path, mode: 0o755})
	})
}

func (p *program) name() (string, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.tag != "" {
		return p.tag, nil
	}
	opened, err := os.Open(p.path)
	if err != nil {
		return "", err
	}
	defer opened.Close() // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, opened); err != nil {
		return "", err
	}
	p.tag = "agency-program:" + hex.EncodeToString(hash.Sum(nil)[:8])
	return p.tag, nil
}

// importImage makes an image of an archive that write produces.
func importImage(ctx context.Context, engine *client.Client, tag string, changes []string, write func(io.Writer) error) error {
	reading, writing := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(writing)
		writing.CloseWithError(err)
		written <- err
	}()
	answer, err := engine.ImageImport(ctx, client.ImageImportSource{Source: reading, SourceName: "-"}, tag,
		client.ImageImportOptions{Changes: changes})
	if err == nil {
		_, err = io.Copy(io.Discard, answer)
		err = errors.Join(err, answer.Close())
	}
	reading.CloseWithError(io.ErrClosedPipe) // the engine reads no more
	if failure := <-written; failure != nil && !errors.Is(failure, io.ErrClosedPipe) {
		err = failure
	}
	return failed(err, "make image %s", tag)
}

// entry is something in an archive: a directory, a file of this machine, or a text.
type entry struct {
	name      string
	directory bool
	file      string
	text      string
	mode      int64
}

// pack writes a tar archive.
func pack(into io.Writer, entries ...entry) error {
	writer := tar.NewWriter(into)
	for _, one := range entries {
		if err := one.write(writer); err != nil {
			return err
		}
	}
	return writer.Close()
}

func (e entry) write(into *tar.Writer) error {
	switch {
	case e.directory:
		return into.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: e.name + "/", Mode: 0o755})
	case e.file == "":
		err := into.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.text)), Mode: e.mode})
		if err == nil {
			_, err = io.WriteString(into, e.text)
		}
		return err
	}
	opened, err := os.Open(e.file)
	if err != nil {
		return err
	}
	defer opened.Close() // only read
	information, err := opened.Stat()
	if err != nil {
		return err
	}
	if err := into.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: e.name, Size: information.Size(), Mode: e.mode,
	}); err != nil {
		return err
	}
	_, err = io.Copy(into, opened)
	return err
}
