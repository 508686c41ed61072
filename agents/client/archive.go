package client

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// MaxArchive is the most that one class's files may come to before compression, in bytes: 1 GiB.
const MaxArchive = 1 << 30

// Pack writes the files of a class as a gzipped tar archive and returns the name that its content gives it. Sources lie
// in the directory and nowhere else; entries are the absolute paths on the machine, with the permissions of the files
// and nothing of their owners and times, so that equal files always give an equal archive.
func Pack(directory string, files map[string]string, archive io.Writer) (string, error) {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return "", fmt.Errorf("open the descriptor's directory: %w", err)
	}
	defer func() { _ = root.Close() }()
	hash := sha256.New()
	compressed := gzip.NewWriter(io.MultiWriter(hash, archive))
	packer := &packer{tree: root.FS(), archive: tar.NewWriter(compressed), limit: MaxArchive}
	sources := make([]string, 0, len(files))
	for source := range files {
		sources = append(sources, source)
	}
	slices.Sort(sources)
	for _, source := range sources {
		if err := packer.add(source, files[source]); err != nil {
			return "", err
		}
	}
	if err := errors.Join(packer.archive.Close(), compressed.Close()); err != nil {
		return "", fmt.Errorf("write archive: %w", err)
	}
	return "sha256-" + hex.EncodeToString(hash.Sum(nil)), nil
}

type packer struct {
	tree    fs.FS
	archive *tar.Writer
	size    int64
	// limit of the size; 0 for none.
	limit int64
}

func wrongSource(source, format string, arguments ...any) *Error {
	return &Error{Code: CodeBadInput, At: source, Message: fmt.Sprintf(format, arguments...)}
}

// add packs one source. One that ends in a slash is a directory, of which the contents go to the target.
func (p *packer) add(source, target string) error {
	name, wantDirectory := strings.CutSuffix(source, "/")
	name = path.Clean(name)
	if !fs.ValidPath(name) {
		return wrongSource(source, "files are given by paths below the descriptor's directory")
	}
	info, err := fs.Stat(p.tree, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wrongSource(source, "no such file beside the descriptor")
	case err != nil:
		return wrongSource(source, "%s", err)
	case info.IsDir() && !wantDirectory:
		return wrongSource(source, "is a directory; write %q to upload its contents", source+"/")
	case !info.IsDir() && wantDirectory:
		return wrongSource(source, "is no directory; write it without the slash at its end")
	}
	return fs.WalkDir(p.tree, name, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return wrongSource(at, "%s", err)
		}
		inside := strings.TrimPrefix(strings.TrimPrefix(at, name), "/")
		if name == "." && at != "." {
			inside = at
		}
		return p.entry(at, path.Join(target, inside), entry)
	})
}

func (p *packer) entry(at, target string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return wrongSource(at, "%s", err)
	}
	header := &tar.Header{Name: target, Mode: int64(info.Mode().Perm()), Format: tar.FormatPAX}
	switch {
	case info.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, strings.TrimSuffix(target, "/")+"/"
		return p.archive.WriteHeader(header)
	case !info.Mode().IsRegular():
		return wrongSource(at, "is neither a file nor a directory, and only those are uploaded")
	}
	header.Typeflag, header.Size = tar.TypeReg, info.Size()
	if p.size += info.Size(); p.limit > 0 && p.size > p.limit {
		return wrongSource(at, "with this file there is more than 1 GiB to upload for one class")
	}
	if err := p.archive.WriteHeader(header); err != nil {
		return fmt.Errorf("write archive: %s: %w", at, err)
	}
	file, err := p.tree.Open(at)
	if err != nil {
		return wrongSource(at, "%s", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := io.Copy(p.archive, file); err != nil {
		return fmt.Errorf("write archive: %s: %w", at, err)
	}
	return nil
}
