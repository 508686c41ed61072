//go:build testbed && !race

package vendor_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/docker"
	"github.com/cloud-agency/agency/vendormodules/libvirt"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// TestSigningInToManyClouds signs in to one cloud after the other, then to two, three and four at once, as the experiment
// of ICaaS does, each time with modules that have no session yet. The clouds are OpenStack, vCenter's simulator, Docker and
// libvirt.
func TestSigningInToManyClouds(t *testing.T) {
	c := newCenter(t)
	line := func() http.RoundTripper { // a new one has no connection yet
		own := http.DefaultTransport.(*http.Transport).Clone()
		t.Cleanup(own.CloseIdleConnections)
		return own
	}
	clouds := map[string]func() vendormodules.Module{
		"openstack": func() vendormodules.Module { return openStackModule(t, "signing-in", line()) },
		"vsphere":   func() vendormodules.Module { return c.module(t, "signing-in", line()) },
		"docker":    dockerOpener(t),
		"libvirt":   libvirtOpener(t),
	}
	took := map[string][]time.Duration{}
	slowest := []string{"openstack", "vsphere", "docker", "libvirt"}
	for range *runs {
		for name, open := range clouds {
			took[name] = append(took[name], signIn(t, open))
		}
		for many := 2; many <= len(slowest); many++ {
			var opens []func() vendormodules.Module
			for _, name := range slowest[:many] {
				opens = append(opens, clouds[name])
			}
			at := fmt.Sprintf("%d-at-once", many)
			took[at] = append(took[at], signIn(t, opens...))
		}
	}
	medians := map[string]time.Duration{}
	for _, name := range slices.Sorted(maps.Keys(took)) {
		medians[name] = (&figure{took: took[name]}).median()
		fmt.Printf("BenchmarkSigningIn/%s %d %d ns/op\n", name, len(took[name]), medians[name].Nanoseconds())
	}
	alone := max(medians["openstack"], medians["vsphere"], medians["docker"], medians["libvirt"])
	fmt.Printf("four at once %.1f ms, the slowest alone %.1f ms: %.2f\n", milliseconds(medians["4-at-once"]), milliseconds(alone),
		float64(medians["4-at-once"])/float64(alone))
}

// signIn opens modules, tries the credential of each at the same time, and returns when all were taken.
func signIn(t *testing.T, opens ...func() vendormodules.Module) time.Duration {
	t.Helper()
	modules := make([]vendormodules.Module, 0, len(opens))
	for _, open := range opens {
		modules = append(modules, open())
	}
	failures := make([]error, len(modules))
	began := time.Now()
	var signing sync.WaitGroup
	for index, module := range modules {
		signing.Go(func() {
			failures[index] = tryCredential(t.Context(), module)
		})
	}
	signing.Wait()
	took := time.Since(began)
	for index, module := range modules {
		must(t, failures[index])
		must(t, module.Close())
	}
	return took
}

// tryCredential is what `agency check` does; of a module whose cloud needs none, here an engine on a socket, a first call.
func tryCredential(ctx context.Context, module vendormodules.Module) error {
	if checker := vendormodules.AbilitiesOf(module).Credentials; checker != nil {
		return checker.CheckCredential(ctx, services.Scope{Vendor: vendorName})
	}
	_, err := module.List(ctx)
	return err
}

func dockerOpener(t *testing.T) func() vendormodules.Module {
	t.Helper()
	output, err := exec.Command("../../testbed/docker", "env").Output()
	must(t, err)
	endpoint := strings.TrimPrefix(strings.TrimSpace(string(output)), "DOCKER_HOST=")
	return func() vendormodules.Module {
		var node yaml.Node
		must(t, yaml.Unmarshal(fmt.Appendf(nil, "{country: GR, hosts: [{endpoint: %q}]}", endpoint), &node))
		module, err := docker.New(&node, vendormodules.Environment{
			Vendor: vendorName, Agency: "signing-in", Directory: t.TempDir(), Now: time.Now, Credentials: given{},
		})
		must(t, err)
		return module
	}
}

func libvirtOpener(t *testing.T) func() vendormodules.Module {
	t.Helper()
	uri := "qemu:///system?socket=" + libvirtSocket(t)
	return func() vendormodules.Module {
		var node yaml.Node
		must(t, yaml.Unmarshal(fmt.Appendf(nil, "{country: DE, hosts: {local: %q}, network: agency-testbed}", uri), &node))
		module, err := libvirt.Open(context.Background(), &node, vendormodules.Environment{
			Vendor: vendorName, Agency: "signing-in", Directory: t.TempDir(), Now: time.Now, Credentials: given{},
		})
		must(t, err)
		return module
	}
}
