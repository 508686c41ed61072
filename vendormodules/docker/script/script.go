// Package script is what runs in a container to make a machine of it: a shell script that keeps the machine's commands
// running, and the files that it reads. It needs a POSIX shell with sleep, and cat and rm to kill commands that are
// executed from outside.
package script

import (
	"archive/tar"
	"bytes"
	_ "embed" // for the scripts
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Directory holds the scripts and what they read. It should be a volume of the container's own: what is in it is the
// machine's alone, and does not belong into an image that is made of it.
const Directory = "/.agency"

var (
	//go:embed run.sh
	run string
	//go:embed execute.sh
	execute string
	//go:embed kill.sh
	kill string
)

// Machine is what a machine is told.
type Machine struct {
	Name, Hostname string
	// Run are its commands.
	Run []string
	// Environment of its commands, except what they are told of the machine itself.
	Environment map[string]string
	// Networks that it is in, with its address in each; without any, the engine gives it one when it starts.
	Networks []Network
	// UserData and Keys are put where others look for them: in /user-data and /root/.ssh/authorized_keys.
	UserData string
	Keys     []string
}

// Network is a network by name, and the address of a machine in it.
type Network struct{ Name, Address string }

// Entrypoint is the command of a container that runs a machine's commands.
func Entrypoint() []string { return []string{"/bin/sh", path.Join(Directory, "run.sh")} }

// Execute is the command that runs another in the machine, under a token of letters and digits.
func Execute(token string, arguments []string) []string {
	return append([]string{"/bin/sh", path.Join(Directory, "execute.sh"), token}, arguments...)
}

// Kill is the command that kills what Execute has started under a token.
func Kill(token string) []string { return []string{"/bin/sh", path.Join(Directory, "kill.sh"), token} }

// Variables are what the commands find in their environment, each as NAME=value, sorted by name. The address of a machine
// without networks is not among them.
func Variables(of Machine) []string {
	values := maps.Clone(of.Environment)
	if values == nil {
		values = map[string]string{}
	}
	delete(values, "ROOT") // nothing stands before a machine's paths
	values["NAME"] = of.Name
	delete(values, "ADDRESS")
	for index, one := range of.Networks {
		if index == 0 {
			values["ADDRESS"] = one.Address
		}
		values["ADDRESS_"+variable(one.Name)] = one.Address
	}
	list := make([]string, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, name+"="+values[name])
	}
	return list
}

// identifier is what a shell takes for the name of a variable.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Archive is a tar archive, to be unpacked at the container's root before it starts. It fails for a variable's name that no
// shell takes.
func Archive(of Machine) (io.Reader, error) {
	environment, err := environment(of)
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	writer := tar.NewWriter(&content)
	directory := func(name string, mode int64) {
		if err == nil {
			err = writer.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode})
		}
	}
	file := func(name, text string, mode int64) {
		if err == nil {
			err = writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: mode})
		}
		if err == nil {
			_, err = io.WriteString(writer, text)
		}
	}
	base := Directory[1:]
	directory(base, 0o755)
	directory(base+"/commands", 0o755)
	directory(base+"/visits", 0o1777)
	file(base+"/run.sh", run, 0o644)
	file(base+"/execute.sh", execute, 0o644)
	file(base+"/kill.sh", kill, 0o644)
	file(base+"/environment", environment, 0o644)
	for index, command := range of.Run {
		file(fmt.Sprintf("%s/commands/%03d", base, index+1), command+"\n", 0o644)
	}
	if of.UserData != "" {
		file("user-data", of.UserData, 0o600)
	}
	if len(of.Keys) > 0 {
		directory("root/.ssh", 0o700)
		file("root/.ssh/authorized_keys", strings.Join(of.Keys, "\n")+"\n", 0o600)
	}
	if err == nil {
		err = writer.Close()
	}
	return &content, err
}

// environment is a script that sets the machine's variables. A machine without networks looks its address up under its
// own name, where the engine writes it at every start.
func environment(of Machine) (string, error) {
	var text strings.Builder
	text.WriteString("export TMPDIR=\"${TMPDIR:-/tmp}\"\n")
	for _, one := range Variables(of) {
		name, value, _ := strings.Cut(one, "=")
		if !identifier.MatchString(name) {
			return "", fmt.Errorf("%q is no name of a variable", name)
		}
		fmt.Fprintf(&text, "export %s=%s\n", name, quoted(value))
	}
	if len(of.Networks) == 0 {
		fmt.Fprintf(&text, `while read -r ADDRESS name rest; do
  case " $name $rest " in *" "%s" "*) break ;; esac
done </etc/hosts
export ADDRESS
unset name rest
`, quoted(of.Hostname))
	}
	return text.String(), nil
}

// quoted is a text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// variable makes a name one of an environment variable: capital letters, digits and underscores.
func variable(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}
