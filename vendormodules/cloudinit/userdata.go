package cloudinit

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/vendormodules"
)

// Limit is how much user data a cloud takes.
type Limit struct {
	// Size in bytes; no limit if 0.
	Size int
	// Encoded says that the size is that of the base64 form.
	Encoded bool
}

func (l Limit) fits(content []byte) bool {
	length := len(content)
	if l.Encoded {
		length = base64.StdEncoding.EncodedLen(length)
	}
	return l.Size == 0 || length <= l.Size
}

// UserData is what a machine reads when it boots for the first time.
type UserData struct {
	// Content as the cloud is to hand it out: a text, or that text compressed by gzip, which cloud-init reads too.
	Content []byte
	// Rest is what did not fit; nil if all did.
	Rest *Rest
}

// UserData writes down what makes the machine, within a cloud's limit. What is too large is left out in this order: the
// files, the commands. The error wraps vendormodules.ErrInvalid where nothing fits, or the class's own user data is no
// YAML.
func (m Machine) UserData(limit Limit) (UserData, error) {
	if err := m.check(); err != nil {
		return UserData{}, err
	}
	archive, err := m.archive()
	if err != nil {
		return UserData{}, err
	}
	for _, attempt := range m.attempts(archive) {
		content, err := m.compose(attempt.files)
		if err != nil {
			return UserData{}, err
		}
		if !limit.fits(content) {
			if content, err = compressed(content); err != nil {
				return UserData{}, err
			}
		}
		if limit.fits(content) {
			return UserData{Content: content, Rest: attempt.rest}, nil
		}
	}
	return UserData{}, fmt.Errorf("user data: the class's own is more than the %d bytes that the cloud takes: %w",
		limit.Size, vendormodules.ErrInvalid)
}

// attempt is one way of sharing what makes a machine between user data and a Rest.
type attempt struct {
	files []file
	rest  *Rest
}

// attempts are the ways there are, the best first. A machine that has not got everything waits for its Rest.
func (m Machine) attempts(archive *file) []attempt {
	files, pending := m.files(), file{directory + "/pending", 0o644, []byte("until the rest is brought\n")}
	files = files[:len(files):len(files)]
	bare := attempt{[]file{pending}, &Rest{Archive: m.Request.Files, files: files}}
	if archive == nil {
		return []attempt{{files, nil}, bare}
	}
	return []attempt{{append(files, *archive), nil}, {append(files, pending), &Rest{Archive: m.Request.Files}}, bare}
}

// archive is the request's files as one file of the machine; nil without files.
func (m Machine) archive() (*file, error) {
	if m.Request.Files == "" {
		return nil, nil
	}
	content, err := os.ReadFile(m.Request.Files)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("user data: the archive of the files is gone: %w", vendormodules.ErrInvalid)
	}
	if err != nil {
		return nil, fmt.Errorf("user data: %w", err)
	}
	return &file{directory + "/files.tar.gz", 0o600, content}, nil
}

// compose writes user data with these files.
func (m Machine) compose(files []file) ([]byte, error) {
	config := m.config(files)
	form, err := formOf(m.Request.Class.UserData)
	if err != nil {
		return nil, err
	}
	if form == nil { // of cloud-config, or there is none
		own, err := parseConfig(m.Request.Class.UserData)
		if err != nil {
			return nil, err
		}
		merge(config, own)
	}
	encoded, err := encode(config)
	if err != nil || form == nil {
		return encoded, err
	}
	return multipart(encoded, *form)
}

// config is the agency's part of the cloud-config.
func (m Machine) config(files []file) map[string]any {
	config := map[string]any{
		"hostname": m.Request.Name, "preserve_hostname": false, "write_files": written(files),
		"runcmd": []any{"test ! -e " + begin + " || /bin/sh " + begin},
	}
	if len(m.Request.Class.Keys) > 0 {
		config["ssh_authorized_keys"] = list(m.Request.Class.Keys)
	}
	if len(m.RootKeys) > 0 {
		config["users"] = []any{"default", map[string]any{"name": "root", "ssh_authorized_keys": list(m.RootKeys)}}
	}
	if m.HostKey != (HostKey{}) {
		config["ssh_keys"] = map[string]any{
			"ed25519_private": m.HostKey.Private.Reveal(), "ed25519_public": m.HostKey.Public,
		}
	}
	return config
}

// begin lets a machine become what it is to be, once it has everything.
const begin = directory + "/begin"

func written(files []file) []any {
	var entries []any
	for _, one := range files {
		entry := map[string]any{"path": one.path, "permissions": fmt.Sprintf("%04o", one.mode)}
		if utf8.Valid(one.content) {
			entry["content"] = string(one.content)
		} else {
			entry["encoding"], entry["content"] = "b64", base64.StdEncoding.EncodeToString(one.content)
		}
		entries = append(entries, entry)
	}
	return entries
}

func list(texts []string) []any {
	var values []any
	for _, text := range texts {
		values = append(values, text)
	}
	return values
}

// configHeader begins every cloud-config.
const configHeader = "#cloud-config\n"

func encode(config map[string]any) ([]byte, error) {
	encoded := bytes.NewBufferString(configHeader)
	encoder := yaml.NewEncoder(encoded)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(config), encoder.Close()); err != nil {
		return nil, fmt.Errorf("user data: %w", err)
	}
	return encoded.Bytes(), nil
}

// compressed is the same for the same content at any time.
func compressed(content []byte) ([]byte, error) {
	var buffer bytes.Buffer
	writer, err := gzip.NewWriterLevel(&buffer, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = writer.Write(content)
	if err = errors.Join(err, writer.Close()); err != nil {
		return nil, fmt.Errorf("compress user data: %w", err)
	}
	return buffer.Bytes(), nil
}
