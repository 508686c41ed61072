package ec2_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ec2"
	"github.com/cloud-agency/agency/vendormodules/ec2/ec2test"
	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// vault has the credential that the account takes.
type vault struct{}

func (vault) Credential(context.Context, services.Scope) (services.Credential, error) {
	return services.Credential{"access-key": services.NewSecret(ec2test.AccessKey), "secret-key": services.NewSecret(ec2test.SecretKey)}, nil
}

// open opens a module on an account that is served at a URL.
func open(t *testing.T, url, more string, transport http.RoundTripper) (*ec2.Module, error) {
	t.Helper()
	return openIn(t, t.TempDir(), url, more, transport)
}

// openIn opens a module in a directory that outlives it.
func openIn(t *testing.T, directory, url, more string, transport http.RoundTripper) (*ec2.Module, error) {
	t.Helper()
	return openWith(t, url, more, func(environment *vendormodules.Environment) {
		environment.Directory, environment.HTTP = directory, transport
	})
}

// openWith opens a module in an environment that is adapted.
func openWith(t *testing.T, url, more string, adapt func(*vendormodules.Environment)) (*ec2.Module, error) {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte("region: test-1\ncountry: IE\nsettle: 2s\nendpoint: "+url+"\n"+more), &document); err != nil {
		t.Fatal(err)
	}
	environment := vendormodules.Environment{Vendor: "ec2-test", Agency: "agency-1", Credentials: vault{}, Now: time.Now}
	adapt(&environment)
	return ec2.New(&document, environment)
}

// boot prints what the first of a machine's commands prints, which is run for real.
func boot(userData []byte) string {
	if bytes.HasPrefix(userData, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(bytes.NewReader(userData))
		if err != nil {
			return err.Error()
		}
		if userData, err = io.ReadAll(unzipped); err != nil {
			return err.Error()
		}
	}
	var config struct {
		WriteFiles []struct{ Path, Content string } `yaml:"write_files"`
	}
	if err := yaml.Unmarshal(userData, &config); err != nil {
		return err.Error()
	}
	for _, file := range config.WriteFiles {
		if file.Path == "/var/lib/agency/run/1" {
			printed, err := exec.Command("/bin/sh", "-c", file.Content).CombinedOutput()
			if err != nil {
				return err.Error()
			}
			return string(printed)
		}
	}
	return ""
}

// lineTo is the way to an account.
func lineTo() *vendortest.HTTPLine {
	return &vendortest.HTTPLine{
		Changes: changes, Throttled: func(*http.Request) *http.Response {
			return &http.Response{
				StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(
					`<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors></Response>`)),
			}
		},
	}
}

// changes says whether a request changes something.
func changes(request *http.Request) bool {
	asked := body(request)
	return request.Header.Get("X-Amz-Target") == "" && !strings.Contains(asked, "Action=Describe") && !strings.Contains(asked, "Action=Get")
}

// provider is accounts for the suite, each with a configuration by its URL.
func provider(fresh func() *ec2test.Account, more func(url string) string) vendortest.Provider {
	var mutex sync.Mutex
	var account *ec2test.Account
	farm, line := &farm{servers: map[string]vendormodules.Target{}}, lineTo()
	return vendortest.Provider{
		Agency: "agency-1",
		Account: func(t *testing.T) vendortest.Account {
			mutex.Lock()
			defer mutex.Unlock()
			one := fresh()
			account = one
			url, directory := one.Start(t), t.TempDir()
			return vendortest.Account{
				Open:    func(t *testing.T) vendormodules.Module { return known(t, url, more(url), directory, line) },
				Listing: func(*testing.T) int { return one.Count() },
			}
		},
		Classes: map[descriptors.ResourceType]descriptors.Class{
			descriptors.Compute:      {Type: descriptors.Compute, Image: "debian-12"},
			descriptors.Volume:       {Type: descriptors.Volume, Size: quantity.GiB},
			descriptors.Network:      {Type: descriptors.Network, Private: true},
			descriptors.LoadBalancer: {Type: descriptors.LoadBalancer, Listen: 8080},
		},
		Line: line,
		Scripts: vendortest.Scripts{Print: func(class descriptors.Class, text string) descriptors.Class {
			class.Run = []string{"echo " + text}
			return class
		}},
		Target: farm.target,
		Fetch: func(ctx context.Context, balancer vendormodules.Resource, class descriptors.Class) (string, error) {
			mutex.Lock()
			defer mutex.Unlock()
			return farm.fetch(ctx, account, balancer, class)
		},
		Credential: func(_ *testing.T, takes bool) { account.Take(takes) },
	}
}

// known opens a module that has found out what its cloud can do, as an agency has that quoted before.
func known(t *testing.T, url, more, directory string, transport http.RoundTripper) *ec2.Module {
	t.Helper()
	for asked := false; ; asked = true {
		module, err := openIn(t, directory, url, more, transport)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := module.Capacity(t.Context()); err != nil {
			t.Fatal(err)
		}
		if asked {
			return module
		}
		if err := module.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConformance(t *testing.T) {
	suite := provider(func() *ec2test.Account {
		return &ec2test.Account{Page: 2, Late: 2, Slow: 2, Zones: 2, Boot: boot}
	}, everything)
	suite.Against, suite.Record = "ec2test, this project's own server", "conformance.json"
	vendortest.Run(t, suite)
}

// TestConformanceOfLess runs the suite on a cloud that speaks the API and knows but the older half of it.
func TestConformanceOfLess(t *testing.T) {
	suite := provider(func() *ec2test.Account {
		return &ec2test.Account{Late: 2, Slow: 2, Boot: boot, Plain: true, Off: []string{
			"DescribeVpcs", "DescribeSubnets", "CreateSubnet", "DescribeInstanceTypes", "DescribeAccountAttributes", "DescribeAddresses",
			"CreateImage", "ModifyInstanceAttribute", "ModifyVolume", "GetConsoleOutput", "CreateSnapshot", "DescribeSnapshots",
		}}
	}, func(string) string {
		return "client-tokens: false\nflavors: [{name: m1.small, cores: 1, memory: 1GiB}]"
	})
	suite.Against, suite.Record = "ec2test with half of its actions switched off", "conformance-less.json"
	vendortest.Run(t, suite)
}

// everything is where all of the cloud's services are that an account has.
func everything(url string) string {
	return "endpoints: {load-balancing: " + url + ", monitoring: " + url + ", prices: " + url + ", quotas: " + url + "}\n"
}

// farm are the servers behind balancers, by the addresses that these know them by.
type farm struct {
	mutex   sync.Mutex
	servers map[string]vendormodules.Target
}

func (f *farm) target(t *testing.T, name string) vendormodules.Target {
	t.Helper()
	f.mutex.Lock()
	defer f.mutex.Unlock()
	local := vendortest.LocalTarget(t, name)
	known := vendormodules.Target{Name: name, Address: fmt.Sprintf("10.0.%d.%d", len(f.servers)/250, len(f.servers)%250+4), Port: 80}
	f.servers[net.JoinHostPort(known.Address, "80")] = local
	return known
}

// fetch asks where a balancer of the account would send a connection, and asks there.
func (f *farm) fetch(ctx context.Context, account *ec2test.Account, balancer vendormodules.Resource, class descriptors.Class) (string, error) {
	to, err := account.Forward(balancer.Addresses[0].Address, class.Listen)
	if err != nil {
		return "", err
	}
	f.mutex.Lock()
	local := f.servers[to]
	f.mutex.Unlock()
	class.Listen = local.Port
	return vendortest.HTTPFetch(ctx, vendormodules.Resource{Addresses: []vendormodules.Address{{Address: local.Address}}}, class)
}

// body reads a request's body and leaves it there.
func body(request *http.Request) string {
	content, _ := io.ReadAll(request.Body)
	request.Body = io.NopCloser(bytes.NewReader(content))
	return string(content)
}
