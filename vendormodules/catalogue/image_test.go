package catalogue_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// shelf is what several clouds call their images.
func shelf() []catalogue.Image {
	day := func(text string) time.Time {
		moment, err := time.Parse(time.DateOnly, text)
		if err != nil {
			panic(err)
		}
		return moment
	}
	return []catalogue.Image{
		{ID: "1", Name: "Debian 12 (bookworm) genericcloud amd64", Architecture: "x86_64", Created: day("2024-01-01")},
		{ID: "2", Name: "debian-12-generic-amd64-20250101", Architecture: "x86_64", Created: day("2025-01-01")},
		{ID: "3", Name: "debian-12-generic-arm64-20250601", Architecture: "arm64", Created: day("2025-06-01")},
		{ID: "4", Name: "debian-12-amd64-20250901", Architecture: "x86_64", Created: day("2025-09-01"), Deprecated: true},
		{ID: "5", Name: "debian-12-nodejs-amd64-20251001", Architecture: "x86_64", Created: day("2025-10-01")},
		{ID: "6", Name: "debian-11-generic-amd64-20251001", Architecture: "x86_64", Created: day("2025-10-01")},
		{ID: "7", Name: "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20230516", Architecture: "x86_64"},
		{ID: "8", Name: "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20240516", Architecture: "x86_64"},
		{ID: "9", Name: "Rocky-9-GenericCloud-Base-9.3-20231113.0.x86_64"},
		{ID: "10", Name: "Fedora-Cloud-Base-39-1.5.x86_64"},
		{ID: "11", Name: "CentOS Stream 9 x86_64"},
		{ID: "12", Name: "al2023-ami-2023.6.20241212.0-kernel-6.1-x86_64", Architecture: "x86_64"},
		{ID: "13", Name: "amzn2-ami-kernel-5.10-hvm-2.0.20241113.1-x86_64-gp2", Architecture: "x86_64"},
		{ID: "14", Name: "Windows_Server-2022-English-Full-Base-2024.12.13"},
		{ID: "15", Name: "openSUSE-Leap-15.5"},
		{ID: "16", Name: "bookworm-arm64", Architecture: "arm64", Created: day("2025-01-01")},
		{ID: "17", Name: "our webshop"},
	}
}

func TestNamesFindTheirImages(t *testing.T) {
	images := catalogue.Images{
		Aliases: map[string]string{"static-web": "our webshop", "frozen": "4"}, Default: "debian-12",
	}
	for name, id := range map[string]string{
		"": "2", "debian-12": "2", "debian12": "2", "Debian 12": "2", "debian-bookworm": "2", "bookworm": "2", "debian": "2",
		"debian-11": "6", "ubuntu-22.04": "7", "ubuntu-22": "7", "jammy": "7", "ubuntu": "8", "rocky-9": "9", "fedora-39": "10",
		"centos-stream-9": "11", "amazon-linux-2023": "12", "amazon-linux-2": "13", "windows-2022": "14", "opensuse-leap-15.5": "15",
		"5": "5", "debian-12-nodejs": "5", "static-web": "17", "frozen": "4", "debian-11-generic-amd64-20251001": "6",
	} {
		found, err := images.Resolve(descriptors.Class{Image: name}, shelf())
		if err != nil || found.ID != id {
			t.Errorf("%q finds %+v, %v; should be %s", name, found, err, id)
		}
	}
	found, err := images.Resolve(descriptors.Class{Image: "debian-12", Architecture: "arm64"}, shelf())
	if err != nil || found.ID != "3" {
		t.Errorf("for arm64 it finds %+v, %v", found, err)
	}
}

func TestUnknownImagesAreRefusedWithTheNearest(t *testing.T) {
	for name, hint := range map[string]string{
		"debian-13": "Debian 12", "debian-12-postgres": "bookworm", "our webshob": `"our webshop"`, "jammy-arm": "ubuntu-jammy", "plan9": "and 4 more",
	} {
		_, err := catalogue.Images{}.Resolve(descriptors.Class{Image: name}, shelf())
		var refusal sla.Refusal
		if !errors.As(err, &refusal) || refusal.Code != sla.RefusedUnsupported || !strings.Contains(refusal.Hint, hint) {
			t.Errorf("%q: %#v; should hint at %s", name, err, hint)
		}
	}
	_, err := catalogue.Images{}.Resolve(descriptors.Class{Image: "ubuntu-22.04", Architecture: "arm64"}, shelf())
	if err == nil || !strings.Contains(err.Error(), "not there for arm64") {
		t.Errorf("of another architecture: %v", err)
	}
	_, err = catalogue.Images{Aliases: map[string]string{"kv-store": "gone"}}.Resolve(descriptors.Class{Image: "kv-store"}, shelf())
	if err == nil || !strings.Contains(err.Error(), `no image "gone" here`) || strings.Contains(err.Error(), `nearest is "kv-store"`) {
		t.Errorf("of an alias that leads nowhere: %v", err)
	}
	if _, err = (catalogue.Images{}).Resolve(descriptors.Class{}, shelf()); err == nil {
		t.Error("a class without an image finds one where there is no default")
	}
}
