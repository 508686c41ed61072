package openstack_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/openstack"
)

// TestGnocchiIsRead has answers in the form that Gnocchi's documentation shows; the testbed has none.
func TestGnocchiIsRead(t *testing.T) {
	transport := replay(t, "machine")
	machine := ""
	for name := range transport.answers {
		if id, found := strings.CutPrefix(name, "GET :8774/v2.1/servers/"); found && !strings.Contains(id, "?") {
			machine = id
		}
	}
	figures := map[string]string{
		"/v1/resource/generic/" + machine: `{"id": "` + machine + `", "metrics": {"cpu": "c0ffee", "memory.usage": "beef", "disk.root.size": "d15c"}}`,
		"/v1/metric/c0ffee/measures":      `[["2026-11-28T12:00:00+00:00", 300.0, 61000000000.0], ["2026-11-28T12:05:00+00:00", 300.0, 90000000000.0]]`,
		"/v1/metric/beef/measures":        `[["2026-11-28T12:05:00+00:00", 300.0, 512.0]]`,
	}
	transport.instead = func(request *http.Request) *http.Response {
		if body, told := figures[request.URL.Path]; told && request.URL.Port() == "8041" {
			return answer(http.StatusOK, body)
		}
		return nil
	}
	configuration := strings.Replace(testbedConfiguration, "{", "{endpoints: {metric: http://127.0.0.1:8041}, ", 1)
	module, err := openstack.New(parsed(t, configuration), vendormodules.Environment{
		Vendor: "testbed", Agency: agencyID, Credentials: stored{"username": "demo", "password": planted}, HTTP: transport,
	})
	must(t, err)
	// The first answers of the record are of a machine that is being made.
	running(t, module, machine)
	measured, err := module.Measure(t.Context(), machine)
	must(t, err)
	found := map[string]float64{}
	for _, one := range measured {
		found[one.Metric] = one.Value
	}
	if found["cpu-seconds"] != 90 || found["memory-bytes"] != 512<<20 || found["uptime-seconds"] <= 0 || len(found) != 3 {
		t.Errorf("Gnocchi's figures are read as %v", found)
	}
}
