// Command guest does in the testbed's guest what cloud-init and an SSH server do elsewhere, as far as the agency asks for it.
//
//	guest become DIRECTORY   do what the NoCloud seed says that is mounted there: keys, files, then commands
//	guest serve              let in whoever has the key, if the seed said one
//
// User data that is a script is run; of several parts each is taken for itself. As with cloud-init, a machine becomes what
// its seed says once, and again only if it is made of the image of another.
package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

func main() {
	var err error
	switch arguments := os.Args[1:]; {
	case len(arguments) == 2 && arguments[0] == "become":
		err = become(arguments[1])
	case len(arguments) == 1 && arguments[0] == "serve":
		err = serve()
	default:
		err = errors.New("write become DIRECTORY, or serve")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(1)
	}
}

// instance is where the machine keeps what it has become.
const instance = "/var/lib/guest-instance"

// become makes the machine what its seed says, or lets it be that again.
func become(seed string) error {
	self, err := os.ReadFile(filepath.Join(seed, "meta-data"))
	if err != nil {
		return err
	}
	if known, err := os.ReadFile(instance); err == nil && bytes.Equal(known, self) {
		scripts, _ := filepath.Glob("/var/lib/cloud/scripts/per-boot/*")
		for _, script := range scripts {
			err = errors.Join(err, run(script))
		}
		return err
	}
	content, err := os.ReadFile(filepath.Join(seed, "user-data"))
	if err == nil {
		err = take(content)
	}
	if err == nil {
		err = write(instance, self, 0o644)
	}
	return err
}

// take does what one part of user data says.
func take(content []byte) error {
	switch {
	case bytes.HasPrefix(content, []byte("#!")):
		return script(content)
	case bytes.HasPrefix(content, []byte("#cloud-config")):
		return cloudConfig(content)
	}
	message, err := mail.ReadMessage(bytes.NewReader(content))
	if err != nil {
		return err
	}
	_, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	parts := multipart.NewReader(message.Body, parameters["boundary"])
	var configs [][]byte
	for { // scripts come before the commands of a cloud-config
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		if bytes.HasPrefix(content, []byte("#cloud-config")) {
			configs = append(configs, content)
		} else if err := take(content); err != nil {
			return err
		}
	}
	for _, config := range configs {
		if err := cloudConfig(config); err != nil {
			return err
		}
	}
	return nil
}

func script(content []byte) error {
	if err := os.WriteFile("/run/user-data", content, 0o700); err != nil {
		return err
	}
	return run("/run/user-data")
}

func cloudConfig(content []byte) error {
	var config struct {
		Files []struct{ Path, Permissions, Encoding, Content string } `yaml:"write_files"`
		Run   []string                                                `yaml:"runcmd"`
		SSH   struct {
			Private string `yaml:"ed25519_private"`
		} `yaml:"ssh_keys"`
		Users []yaml.Node `yaml:"users"`
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		return err
	}
	for _, one := range config.Files {
		bytes := []byte(one.Content)
		if one.Encoding == "b64" {
			var err error
			if bytes, err = base64.StdEncoding.DecodeString(strings.TrimSpace(one.Content)); err != nil {
				return err
			}
		}
		mode, err := strconv.ParseUint(one.Permissions, 8, 32)
		if err != nil {
			return err
		}
		if err := write(one.Path, bytes, os.FileMode(mode)); err != nil {
			return err
		}
	}
	if config.SSH.Private != "" {
		if err := write(hostKey, []byte(config.SSH.Private), 0o600); err != nil {
			return err
		}
	}
	for _, node := range config.Users {
		var user struct {
			Keys []string `yaml:"ssh_authorized_keys"`
		}
		if node.Kind != yaml.MappingNode { // "default"
			continue
		}
		if err := node.Decode(&user); err != nil {
			return err
		}
		if err := write(authorizedKeys, []byte(strings.Join(user.Keys, "\n")+"\n"), 0o600); err != nil {
			return err
		}
	}
	for _, command := range config.Run {
		if err := run("/bin/sh", "-c", command); err != nil {
			return err
		}
	}
	return nil
}

func run(name string, arguments ...string) error {
	command := exec.Command(name, arguments...) //nolint:noctx // a guest has all the time there is
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command.Run()
}

func write(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, mode)
}
