package descriptors

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/crypto/ssh"
)

// keyFile is how the path of a file with a public key ends.
const keyFile = ".pub"

// isKeyFile says whether an entry of keys is the path of a file, not a key.
func isKeyFile(key string) bool {
	return strings.HasSuffix(key, keyFile) && len(strings.Fields(key)) == 1
}

// MaxKeys is how many keys a class may have.
const MaxKeys = 100

// checkKey says what is wrong with a public key. No error shows the text: what is no public key may be a private one.
func checkKey(text string) error {
	if strings.Contains(text, "PRIVATE KEY") {
		return errors.New("a private key is given to nobody; write the public one, from the file that ends in .pub")
	}
	if strings.ContainsAny(strings.TrimSpace(text), "\n\r") {
		return errors.New("more than one line; a key is one line such as ssh-ed25519 AAAA... name")
	}
	_, _, options, _, err := ssh.ParseAuthorizedKey([]byte(text))
	switch {
	case err != nil:
		return errors.New("not an OpenSSH public key; write a line such as ssh-ed25519 AAAA... name, " +
			"or the path of a file that ends in .pub")
	case len(options) > 0:
		return errors.New("options are not carried over; write the key alone, such as ssh-ed25519 AAAA... name")
	}
	return nil
}

// readKey reads a file that holds one public key.
func readKey(directory fs.FS, file string) (string, error) {
	content, err := fs.ReadFile(directory, path.Clean(file))
	if err != nil {
		var failure *fs.PathError
		if errors.As(err, &failure) {
			err = failure.Err
		}
		return "", fmt.Errorf("%q cannot be read: %w", file, err)
	}
	key := strings.TrimSpace(string(content))
	if err := checkKey(key); err != nil {
		return "", fmt.Errorf("%q: %w", file, err)
	}
	return key, nil
}

// keys judges who may log in, and puts keys in the place of the files that hold them, where those can be read.
func (j *judge) keys(at string, keys Names) {
	if len(keys) > MaxKeys {
		j.fault(at, "%d keys; at most %d", len(keys), MaxKeys)
		return
	}
	seen := make(map[string]bool, len(keys))
	for i, key := range keys {
		position, err := elementPath(at, i), error(nil)
		switch {
		case !isKeyFile(key):
			err = checkKey(key)
		case !isBeside(key):
			err = fmt.Errorf("%q is not beside the descriptor; write a relative path without ..", key)
		case j.closed:
			err = fmt.Errorf("%q is the path of a file, and only the key itself is of use here", key)
		case j.directory != nil:
			keys[i], err = readKey(j.directory, key)
		}
		switch {
		case err != nil:
			j.faultAt(position, at, "%s", err)
		case seen[keys[i]]:
			j.faultAt(position, at, "the same key is there twice")
		}
		seen[keys[i]] = true
	}
}
