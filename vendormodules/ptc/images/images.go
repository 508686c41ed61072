// Package images holds the images that are built into the agency's program, and how their commands reach a machine.
package images

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/descriptors"
)

// image is a built-in image: the system's programs, and perhaps a command of its own. One that has a port runs its command
// where a class says nothing else, on the class's port or else its own.
type image struct {
	name    string
	command string
	port    int
}

var builtIn = [...]image{{"static-web", "web", 8080}, {"kv-store", "kv", 5432}, {"shell", "", 0}, {descriptors.MapReduceImage, "map-reduce", 0}}

// find returns a built-in image that has a command.
func find(name string) (image, bool) {
	index := slices.IndexFunc(builtIn[:], func(one image) bool { return one.name == name && one.command != "" })
	if index < 0 {
		return image{}, false
	}
	return builtIn[index], true
}

// Run is what a machine of a class runs that does not say it: the image's own command, listening on the first port that
// the class opens or allows.
func Run(class descriptors.Class) []string {
	image, found := find(class.Image)
	if !found || image.port == 0 {
		return nil
	}
	port := image.port
	if allowed := slices.Sorted(maps.Keys(class.Allow)); len(allowed) > 0 {
		port = allowed[0]
	}
	if len(class.Ports) > 0 {
		port = class.Ports[0]
	}
	return []string{fmt.Sprintf(`%s --listen "$ADDRESS:%d"`, image.command, port)}
}

// Names of the built-in images.
func Names() []string {
	names := make([]string, 0, len(builtIn))
	for _, image := range builtIn {
		names = append(names, image.name)
	}
	return names
}

// Install puts the command of a built-in image into a machine's directory of programs, as a script that runs the agency's
// program. Other images have none.
func Install(name, directory, program string) error {
	image, found := find(name)
	if !found {
		return nil
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %s image %s \"$@\"\n", quote(program), image.command)
	path := filepath.Join(directory, image.command)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // whatever it was, or led to
		return fmt.Errorf("install %s: %w", image.command, err)
	}
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		return fmt.Errorf("install %s: %w", image.command, err)
	}
	return nil
}

// quote makes a text one word of the shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// Main is the process of an image's command, until SIGTERM. It answers the program's exit code.
func Main(arguments []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	commands := map[string]func(context.Context, []string) error{"web": runWeb, "kv": runKV, "map-reduce": runMapReduce}
	if len(arguments) == 0 || commands[arguments[0]] == nil {
		fmt.Fprintln(os.Stderr, "usage: agency image web|kv|map-reduce ..., which runs a command of a built-in image")
		return 2
	}
	err := commands[arguments[0]](ctx, arguments[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %v\n", arguments[0], err)
		return 1
	}
	return 0
}

// errUsage is wrapped by errors of which the flags have told already.
var errUsage = errors.New("bad usage")

func parse(flags *flag.FlagSet, arguments []string, listen *string) error {
	flags.StringVar(listen, "listen", "", "address to listen on: `HOST:PORT`")
	if err := flags.Parse(arguments); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if *listen == "" || flags.NArg() > 0 {
		fmt.Fprintf(flags.Output(), "%s needs --listen HOST:PORT and takes flags only\n", flags.Name())
		flags.Usage()
		return errUsage
	}
	return nil
}

// guest is an absolute path as the machine means it: below its own root.
func guest(path string) string {
	root := os.Getenv("ROOT")
	if !filepath.IsAbs(path) || root == "" || path == root || strings.HasPrefix(path, root+"/") {
		return path
	}
	return filepath.Join(root, path)
}
