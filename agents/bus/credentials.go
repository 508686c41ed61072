package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/jwt/v2"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// ErrExposed is wrapped by the error for a credentials or key file that others than its owner can read.
var ErrExposed = errors.New("file can be read by others")

// Credentials are what an agent needs to act: who it is, how it proves that, and whom to trust.
type Credentials struct {
	Identity proto.Identity
	// Agency is the agency's id.
	Agency string
	// JWT is the NATS user, signed by the account, with the agent's rights.
	JWT string
	// Seed of the user's nkey, which signs messages and opens connections.
	Seed services.Secret
	// Sealing is the seed of the curve nkey that opens what was sealed to the agent.
	Sealing services.Secret
	// Account is the account's public nkey, which signs the register.
	Account string
	// Register as it stood when the credentials were written.
	Register proto.SignedRegister
	// URL of the NATS server; empty for the one that the process runs itself.
	URL string
}

// credentialsBlock is the part of the file that NATS does not know.
type credentialsBlock struct {
	Identity string `json:"identity"`
	Agency   string `json:"agency"`
	Account  string `json:"account"`
	Sealing  string `json:"sealing"`
	Register string `json:"register"`
	URL      string `json:"url,omitempty"`
}

const (
	blockBegin = "-----BEGIN AGENCY CREDENTIALS-----"
	blockEnd   = "------END AGENCY CREDENTIALS------"
)

// Save writes the credentials into a file that only its owner can read, replacing one that is there. The file is a NATS
// credentials file with one block more, so that other NATS clients can use it too.
func (c Credentials) Save(path string) error {
	decorated, err := jwt.FormatUserConfig(c.JWT, []byte(c.Seed.Reveal()))
	if err != nil {
		return fmt.Errorf("format credentials of %s: %w", c.Identity, err)
	}
	block, err := json.Marshal(credentialsBlock{
		c.Identity.String(), c.Agency, c.Account, c.Sealing.Reveal(), c.Register.Text, c.URL,
	})
	if err != nil {
		return fmt.Errorf("format credentials of %s: %w", c.Identity, err)
	}
	text := strings.TrimRight(string(decorated), "\n") + "\n\n" + blockBegin + "\n" + string(block) + "\n" + blockEnd + "\n"
	return writePrivate(path, []byte(text))
}

// LoadCredentials reads what Save wrote. A file that others can read is ErrExposed.
func LoadCredentials(path string) (Credentials, error) {
	text, err := readPrivate(path)
	if err != nil {
		return Credentials{}, err
	}
	credentials, err := parseCredentials(text)
	if err != nil {
		return Credentials{}, fmt.Errorf("credentials %s: %w", path, err)
	}
	return credentials, nil
}

func parseCredentials(text []byte) (Credentials, error) {
	_, rest, begun := strings.Cut(string(text), blockBegin)
	content, _, ended := strings.Cut(rest, blockEnd)
	if !begun || !ended {
		return Credentials{}, errors.New("no block of agency credentials; was it made by \"agency enrol\"?")
	}
	var block credentialsBlock
	if err := json.Unmarshal([]byte(content), &block); err != nil {
		return Credentials{}, fmt.Errorf("agency block: %w", err)
	}
	identity, err := proto.ParseIdentity(block.Identity)
	if err != nil {
		return Credentials{}, err
	}
	token, err := jwt.ParseDecoratedJWT(text)
	if err != nil {
		return Credentials{}, fmt.Errorf("user JWT: %w", err)
	}
	user, err := jwt.ParseDecoratedUserNKey(text)
	if err != nil {
		return Credentials{}, fmt.Errorf("user seed: %w", err)
	}
	seed, err := user.Seed()
	if err != nil {
		return Credentials{}, fmt.Errorf("user seed: %w", err)
	}
	if _, err := services.ParseSealingKey(services.NewSecret(block.Sealing)); err != nil {
		return Credentials{}, err
	}
	return Credentials{
		Identity: identity, Agency: block.Agency, JWT: token, Seed: services.NewSecret(string(seed)),
		Sealing: services.NewSecret(block.Sealing), Account: block.Account,
		Register: proto.SignedRegister{Text: block.Register}, URL: block.URL,
	}, nil
}

// readPrivate reads a file that none but its owner may read.
func readPrivate(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	status, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if status.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w (mode %04o); run: chmod 600 %s", path, ErrExposed, status.Mode().Perm(), path)
	}
	content := make([]byte, status.Size())
	if _, err := file.ReadAt(content, 0); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return content, nil
}

// writePrivate replaces a file at once by one that only its owner may read, and is durable when it returns.
func writePrivate(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already if all went well
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	directory, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
