package ptc_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// wait is the longest that anything may take to come about here.
const wait = 30 * time.Second

const agencyID = "agency-1"

// bench is a module on a directory of its own.
type bench struct {
	*testing.T
	*ptc.Module
	directory string
}

// newBench opens a module, and when the test ends deletes what it left and makes sure that no process of it lives. Tests
// mostly wait, so that they do it beside each other.
func newBench(t *testing.T) *bench {
	t.Helper()
	t.Parallel()
	return another(t)
}

// another opens one more module in a test.
func another(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, directory: t.TempDir()}
	sweepAfter(t, b.directory)
	b.open("")
	t.Cleanup(func() {
		b.deleteAll()
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

// open opens the module, with a configuration.
func (b *bench) open(configuration string) {
	b.Helper()
	module, err := ptc.New(b.Context(), parse(b.T, configuration), environment(b.T, b.directory))
	if err != nil {
		b.Fatalf("New: %v", err)
	}
	b.Module = module
}

// reopen closes the module and opens another one.
func (b *bench) reopen(configuration string) {
	b.Helper()
	if err := b.Close(); err != nil {
		b.Fatalf("Close: %v", err)
	}
	b.open(configuration)
}

func environment(t testing.TB, directory string) vendormodules.Environment {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return vendormodules.Environment{
		Vendor: "ptc-test", Agency: agencyID, Directory: directory, Program: program, Now: time.Now,
	}
}

func parse(t testing.TB, configuration string) *yaml.Node {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(configuration), &node); err != nil {
		t.Fatal(err)
	}
	return &node
}

func (b *bench) deleteAll() {
	diaries, _ := filepath.Glob(filepath.Join(b.directory, "resources", "*", "keeper.log"))
	for _, diary := range diaries {
		if content, err := os.ReadFile(diary); len(content) > 0 {
			b.Errorf("%s: %s, %v", diary, content, err)
		}
	}
	vendortest.Eventually(b, wait, "everything can be deleted", func() error {
		left, err := b.List(context.Background())
		if err != nil {
			return err
		}
		for _, resource := range left {
			err = b.Delete(context.Background(), resource.ID)
		}
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%d are left", len(left))
		}
		return err
	})
}

// processes are those whose command line, environment or directory names a directory.
func processes(directory string) []string {
	var found []string
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range all {
		if filepath.Base(process) == fmt.Sprint(os.Getpid()) {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(process, "cmdline"))
		variables, _ := os.ReadFile(filepath.Join(process, "environ"))
		cwd, _ := os.Readlink(filepath.Join(process, "cwd"))
		if strings.Contains(string(command)+string(variables)+cwd, directory) {
			found = append(found, filepath.Base(process)+" "+string(bytes.ReplaceAll(command, []byte{0}, []byte{' '})))
		}
	}
	return found
}

// sweepAfter fails the test if a process of a directory outlives it.
func sweepAfter(t *testing.T, directory string) {
	t.Helper()
	t.Cleanup(func() {
		vendortest.Eventually(t, wait, "no process is left", func() error {
			if left := processes(directory); len(left) > 0 {
				return fmt.Errorf("there are %q", left)
			}
			return nil
		})
	})
}

func request(class descriptors.Class, name string) vendormodules.Request {
	return vendormodules.Request{
		Key: "key-" + name, Name: name, Class: class,
		Tags: vendormodules.Tags{Agency: agencyID, Deployment: "d", Class: name, Agreement: "a"},
	}
}

// shell is a machine that runs commands of a shell.
func shell(run ...string) descriptors.Class {
	return descriptors.Class{Type: descriptors.Compute, Image: "shell", Run: run}
}

func (b *bench) create(request vendormodules.Request) vendormodules.Resource {
	b.Helper()
	resource, err := b.Create(b.Context(), request)
	if err != nil {
		b.Fatalf("Create: %v", err)
	}
	return resource
}

// start creates a resource and waits until it runs.
func (b *bench) start(request vendormodules.Request) vendormodules.Resource {
	b.Helper()
	return b.until(b.create(request).ID, vendormodules.ResourceRunning)
}

func (b *bench) until(id string, state vendormodules.ResourceState) vendormodules.Resource {
	b.Helper()
	var resource vendormodules.Resource
	vendortest.Eventually(b, wait, fmt.Sprintf("%s is %s", id, state), func() (err error) {
		if resource, err = b.Get(b.Context(), id); err == nil && resource.State != state {
			err = fmt.Errorf("it is %s %s", resource.State, resource.Fault)
			if resource.State == vendormodules.ResourceError {
				b.Fatal(err)
			}
		}
		return err
	})
	return resource
}

// warns waits until a resource has a warning with a text in it.
func (b *bench) warns(id, text string) {
	b.Helper()
	vendortest.Eventually(b, wait, fmt.Sprintf("%s warns of %q", id, text), func() error {
		resource, err := b.Get(b.Context(), id)
		contains := func(warning string) bool { return strings.Contains(warning, text) }
		if err == nil && !slices.ContainsFunc(resource.Warnings, contains) {
			err = fmt.Errorf("the warnings are %q", resource.Warnings)
		}
		return err
	})
}

func (b *bench) console(id string) string {
	b.Helper()
	reader, err := b.Console(b.Context(), id)
	if err != nil {
		b.Fatalf("Console: %v", err)
	}
	defer reader.Close()
	text, err := io.ReadAll(reader)
	if err != nil {
		b.Fatalf("Console: %v", err)
	}
	return string(text)
}

// prints waits until a console shows a text.
func (b *bench) prints(id, text string) {
	b.Helper()
	vendortest.Eventually(b, wait, fmt.Sprintf("%s prints %q", id, text), func() error {
		if console := b.console(id); !strings.Contains(console, text) {
			return fmt.Errorf("the console is %q", console)
		}
		return nil
	})
}

// fetch gets a page, by a connection of its own.
func fetch(ctx context.Context, url string) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

// answers waits until a page answers with a text, and returns the answer.
func (b *bench) answers(url, text string) *http.Response {
	b.Helper()
	var response *http.Response
	vendortest.Eventually(b, wait, fmt.Sprintf("%s answers %q", url, text), func() error {
		answer, body, err := fetch(b.Context(), url)
		if err == nil && !strings.Contains(body, text) {
			err = fmt.Errorf("it answers %s: %q", answer.Status, body)
		}
		response = answer
		return err
	})
	return response
}

const size = 8 * quantity.MiB

// count counts the resources in a module's directory, and whatever else is among them.
func count(t *testing.T, directory string) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(directory, "resources"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
