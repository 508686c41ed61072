package descriptors_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

func TestCheckWithoutAFile(t *testing.T) {
	application, err := descriptors.ReadApplication("webshop.yaml", source(t, "../examples/webshop.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := application.Check(); err != nil {
		t.Errorf("with defaults: %v", err)
	}
	application.Name, application.Select = "Web Shop", descriptors.Selection{Price: 2}
	front := application.Resources["front"]
	front.Targets, front.Size = "wbe", quantity.GiB
	application.Resources["front"] = front
	err = application.Check()
	var faults descriptors.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("error %v is no Faults", err)
	}
	want := `application  name: "Web Shop" is not a name; write lower-case letters, digits and hyphens, beginning with a letter
application  resources.front.size: a load-balancer has no size; it belongs to volume
application  resources.front.targets: "wbe" is not a resource; there is "web"
application  select: the weights sum to 2, not to 1`
	if faults.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", faults, want)
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "web-1", strings.Repeat("a", 40)} {
		if err := descriptors.CheckName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "A", "1a", "-a", "a-", "a_b", "a.b", "é", strings.Repeat("a", 41)} {
		if err := descriptors.CheckName(name); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
}

func TestNearest(t *testing.T) {
	fields := []string{"memory", "members", "image", "cores", "count", "target-port"}
	for name, want := range map[string]string{
		"memroy": "memory", "memory": "memory", "imgae": "image", "core": "cores", "Count": "count", "targetport": "target-port",
		"tar": "target-port", "mem": "memory", "xyz": "", "": "", strings.Repeat("memory", 20): "",
	} {
		if got, found := descriptors.Nearest(name, fields); got != want || found != (want != "") {
			t.Errorf("%q is near %q, want %q", name, got, want)
		}
	}
}

func TestWhatAClassIs(t *testing.T) {
	count := quantity.Range{Min: 2, Max: 6}
	if got := (descriptors.Class{Type: descriptors.Cluster, Count: count}).Instances(); got != count {
		t.Error(got)
	}
	if got := (descriptors.Class{Type: descriptors.Volume, Count: count}).Instances(); got != (quantity.Range{Min: 1, Max: 1}) {
		t.Error(got)
	}
	filter := descriptors.VendorFilter{Allow: descriptors.Names{"a", "b"}, Deny: descriptors.Names{"b"}}
	for vendor, admitted := range map[string]bool{"a": true, "b": false, "c": false} {
		if filter.Admits(vendor) != admitted {
			t.Errorf("%s admitted: %v", vendor, !admitted)
		}
	}
	if !(descriptors.VendorFilter{}).Admits("a") {
		t.Error("no filter admits nobody")
	}
}

// TestCallsKeepWhatIsNobodysBusiness holds a call against what a vendor must not learn.
func TestCallsKeepWhatIsNobodysBusiness(t *testing.T) {
	application, err := descriptors.ReadApplication("webshop.yaml", []byte(strings.ReplaceAll(
		string(source(t, "../examples/webshop.yaml")), "count: 2..6", "place: { vendors: { deny: rival } }")))
	if err != nil {
		t.Fatal(err)
	}
	text, err := descriptors.EncodeBytes(descriptors.Call(application, "01J", 1, time.Unix(1, 0)))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"120", "0.164383", "cheapest", "rival", "site/", "--db", "budget", "select"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the call says %q:\n%s", secret, text)
		}
	}
}

func BenchmarkReadApplication(b *testing.B) {
	content := source(b, "../examples/webshop.yaml")
	for b.Loop() {
		if _, err := descriptors.ReadApplication("webshop.yaml", content); err != nil {
			b.Fatal(err)
		}
	}
}
