// Command guest does in the testbed's guest what cloud-init does elsewhere, as far as the agency asks for it: it reads a
// NoCloud seed that is mounted at its argument, writes the files of its cloud-config, and runs its commands. User data
// that is a script is run; of several parts each is taken for itself.
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
	content, err := os.ReadFile(filepath.Join(os.Args[1], "user-data"))
	if err == nil {
		err = take(content)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest: user data:", err)
		os.Exit(1)
	}
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
		if err := os.MkdirAll(filepath.Dir(one.Path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(one.Path, bytes, os.FileMode(mode)); err != nil {
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
