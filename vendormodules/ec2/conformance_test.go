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
	var document yaml.Node
	if err := yaml.Unmarshal([]byte("region: test-1\ncountry: IE\nsettle: 2s\nendpoint: "+url+"\n"+more), &document); err != nil {
		t.Fatal(err)
	}
	return ec2.New(&document, vendormodules.Environment{
		Vendor: "ec2-test", Agency: "agency-1", Directory: t.TempDir(), Credentials: vault{}, Now: time.Now, HTTP: transport,
	})
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

func TestConformance(t *testing.T) {
	var mutex sync.Mutex
	var account *ec2test.Account
	farm := &farm{servers: map[string]vendormodules.Target{}}
	line := &vendortest.HTTPLine{
		Changes: func(request *http.Request) bool {
			return request.Header.Get("X-Amz-Target") == "" && !strings.Contains(body(request), "Action=Describe") && !strings.Contains(body(request), "Action=Get")
		},
		Throttled: func(*http.Request) *http.Response {
			return &http.Response{
				StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(
					`<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors></Response>`)),
			}
		},
	}
	vendortest.Run(t, vendortest.Provider{
		Agency: "agency-1", Against: "ec2test, this project's own server", Record: "conformance.json",
		Account: func(t *testing.T) vendortest.Account {
			mutex.Lock()
			defer mutex.Unlock()
			fresh := &ec2test.Account{Page: 2, Late: 2, Slow: 2, Zones: 2, Boot: boot}
			account = fresh
			url := fresh.Start(t)
			return vendortest.Account{
				Open: func(t *testing.T) vendormodules.Module {
					module, err := open(t, url, everything(url), line)
					if err != nil {
						t.Fatal(err)
					}
					return module
				},
				Listing: func(*testing.T) int { return fresh.Count() },
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
	})
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
