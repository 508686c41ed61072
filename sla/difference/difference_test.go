package difference_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla/difference"
)

func euros(micros int64) quantity.Rate {
	return quantity.Rate{PerHour: quantity.Money{Micros: micros, Currency: "EUR"}}
}

// drawClass makes a class of few values, so that two of them are often alike in part.
func drawClass(t *rapid.T) descriptors.Class {
	least := rapid.IntRange(1, 3).Draw(t, "least")
	class := descriptors.Class{
		Type:        rapid.SampledFrom([]descriptors.ResourceType{descriptors.Compute, descriptors.Cluster}).Draw(t, "type"),
		Image:       rapid.SampledFrom([]string{"static-web", "kv-store"}).Draw(t, "image"),
		Count:       quantity.Range{Min: least, Max: least + rapid.IntRange(0, 3).Draw(t, "span")},
		Cores:       rapid.IntRange(1, 2).Draw(t, "cores"),
		Run:         rapid.SliceOfN(rapid.SampledFrom([]string{"web", "db --fast"}), 0, 2).Draw(t, "run"),
		Environment: rapid.MapOfN(rapid.SampledFrom([]string{"A", "B"}), rapid.SampledFrom([]string{"", "1", "two words"}), 0, 2).Draw(t, "environment"),
		Ports:       rapid.SliceOfN(rapid.IntRange(80, 82), 0, 2).Draw(t, "ports"),
	}
	if len(class.Run) == 0 {
		class.Run = nil
	}
	class.Place.Vendors.Allow = rapid.SampledFrom([]descriptors.Names{nil, {"athens"}, {"lisbon"}}).Draw(t, "allow")
	return class.WithDefaults()
}

func drawApplication(t *rapid.T) descriptors.Application {
	return descriptors.Application{
		Name:      "shop",
		Budget:    rapid.SampledFrom([]quantity.Rate{{}, euros(1_000_000)}).Draw(t, "budget"),
		Resources: rapid.MapOfN(rapid.SampledFrom([]string{"web", "db", "cache"}), rapid.Custom(drawClass), 1, 3).Draw(t, "resources"),
	}.WithDefaults()
}

// standing is the application as it would run with the least of everything.
func standing(application descriptors.Application) difference.Standing {
	deployment := descriptors.Deployment{Name: application.Name, Budget: application.Budget, Resources: map[string]descriptors.BoundClass{}}
	counts := map[string]int{}
	for name, class := range application.Resources {
		deployment.Resources[name] = descriptors.BoundClass{Class: class, Vendor: "athens", Agreement: "one", Price: euros(1000)}
		counts[name] = class.Count.Min
	}
	return difference.Standing{Application: application, Deployment: deployment, Counts: counts}
}

// TestNothingDiffersExactlyWhenAllIsEqual: the comparison misses nothing that a descriptor can say, and invents nothing.
func TestNothingDiffersExactlyWhenAllIsEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := drawApplication(t), drawApplication(t)
		if rapid.Bool().Draw(t, "same") {
			other = one
		}
		left, err := descriptors.EncodeBytes(one)
		if err != nil {
			t.Fatal(err)
		}
		right, err := descriptors.EncodeBytes(other)
		if err != nil {
			t.Fatal(err)
		}
		found := difference.Between(standing(one), difference.Wanted{Application: other})
		if found.Empty() != bytes.Equal(left, right) {
			t.Fatalf("empty %v of\n%s\nand\n%s\n%+v", found.Empty(), left, right, found)
		}
		if found.Empty() != (found.Need() == "") {
			t.Fatalf("empty %v, need %q", found.Empty(), found.Need())
		}
	})
}

// TestDifferencesTurnRound: what one way is added is removed the other way, and every field has its old and new swapped.
func TestDifferencesTurnRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := drawApplication(t), drawApplication(t)
		there := written(difference.Between(standing(one), difference.Wanted{Application: other}), false)
		back := written(difference.Between(standing(other), difference.Wanted{Application: one}), true)
		if !slices.Equal(there, back) {
			t.Fatalf("there %q, back %q", there, back)
		}
	})
}

// written is a difference as comparable lines, turned round if asked for. How many run just now is no field of a descriptor.
func written(found difference.Difference, turned bool) []string {
	var lines []string
	line := func(class string, field difference.Field) {
		if field.Path == "instances" {
			return
		}
		if turned {
			field.Old, field.New = field.New, field.Old
		}
		lines = append(lines, fmt.Sprintf("%s %s: %q -> %q", class, field.Path, field.Old, field.New))
	}
	for _, field := range found.Application {
		line("", field)
	}
	opposite := map[difference.Change]difference.Change{
		difference.Added: difference.Removed, difference.Removed: difference.Added, difference.Changed: difference.Changed,
	}
	for _, class := range found.Classes {
		change := class.Change
		if turned {
			change = opposite[change]
		}
		if class.Change != difference.Changed {
			lines = append(lines, fmt.Sprintf("%s %s", class.Class, change))
		}
		for _, field := range class.Fields {
			line(class.Class, field)
		}
	}
	return lines
}

// TestAClassNeedsAsMuchAsItsFields: of a class and of the whole the greatest need counts.
func TestAClassNeedsAsMuchAsItsFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		found := difference.Between(standing(drawApplication(t)), difference.Wanted{Application: drawApplication(t)})
		for _, class := range found.Classes {
			if class.Need.Exceeds(found.Need()) || class.Need == "" {
				t.Fatalf("%s needs %q, the whole %q", class.Class, class.Need, found.Need())
			}
			for _, field := range class.Fields {
				if field.Need == "" || field.Why == "" || field.Need.Exceeds(class.Need) {
					t.Fatalf("%s: %+v of a class that needs %q", class.Class, field, class.Need)
				}
			}
		}
	})
}

func shop() descriptors.Application {
	return descriptors.Application{
		Name: "shop",
		Resources: map[string]descriptors.Class{
			"web": {
				Type: descriptors.Cluster, Count: quantity.Range{Min: 2, Max: 6}, Image: "static-web", Run: []string{"web"},
				Files: map[string]string{"site/": "/srv/site"}, Ports: []int{8080}, Volumes: map[string]string{"data": "/data"},
			},
			"data":  {Type: descriptors.Volume, Size: quantity.GiB},
			"front": {Type: descriptors.LoadBalancer, Targets: "web", Listen: 8080},
		},
	}.WithDefaults()
}

func TestWhatEachChangeTakes(t *testing.T) {
	web := func(edit func(*descriptors.Class)) func(*descriptors.Application) {
		return func(a *descriptors.Application) {
			class := a.Resources["web"]
			edit(&class)
			a.Resources["web"] = class
		}
	}
	tests := map[string]struct {
		edit func(*descriptors.Application)
		want string
	}{
		"nothing":         {func(*descriptors.Application) {}, ""},
		"description":     {func(a *descriptors.Application) { a.Description = "a shop" }, ""},
		"narrower range":  {web(func(c *descriptors.Class) { c.Count = quantity.Range{Min: 2, Max: 4} }), `web count "2..6" "2..4" in-place`},
		"wider range":     {web(func(c *descriptors.Class) { c.Count = quantity.Range{Min: 2, Max: 9} }), "data instances \"2..6\" \"2..9\" new-call\nweb count \"2..6\" \"2..9\" new-call"},
		"more cores":      {web(func(c *descriptors.Class) { c.Cores = 4 }), `web cores "1" "4" new-call`},
		"other command":   {web(func(c *descriptors.Class) { c.Run = []string{"web", "log"} }), `web run "[web]" "[web, log]" new-resources`},
		"other port":      {web(func(c *descriptors.Class) { c.Ports = []int{80} }), `web ports "[8080]" "[80]" new-resources`},
		"vendor denied":   {web(func(c *descriptors.Class) { c.Place.Vendors.Deny = descriptors.Names{"athens"} }), `web place.vendors.deny "" "athens" new-call`},
		"another denied":  {web(func(c *descriptors.Class) { c.Place.Vendors.Deny = descriptors.Names{"oslo"} }), `web place.vendors.deny "" "oslo" in-place`},
		"another country": {web(func(c *descriptors.Class) { c.Place.Country = descriptors.Names{"GR"} }), `web place.country "" "GR" new-call`},
		"class added":     {func(a *descriptors.Application) { a.Resources["db"] = descriptors.Class{Type: descriptors.Compute} }, "db added new-call"},
		"class removed":   {func(a *descriptors.Application) { delete(a.Resources, "front") }, "front removed in-place"},
		"budget kept":     {func(a *descriptors.Application) { a.Budget = euros(13_000) }, `budget "" "0.013 EUR/h" in-place`},
		"budget broken":   {func(a *descriptors.Application) { a.Budget = euros(12_999) }, `budget "" "0.012999 EUR/h" new-call`},
		"objective":       {func(a *descriptors.Application) { a.Objectives.Availability = 0.999 }, `objectives.availability "" "99.9%" new-call`},
		"balancer's check": {func(a *descriptors.Application) {
			front := a.Resources["front"]
			front.Check.Path = "/healthz"
			a.Resources["front"] = front
		}, `front check.path "" "/healthz" new-resources`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wanted := shop()
			wanted.Resources = maps.Clone(wanted.Resources)
			test.edit(&wanted)
			found := difference.Between(standing(shop()), difference.Wanted{Application: wanted})
			var lines []string
			for _, field := range found.Application {
				lines = append(lines, fmt.Sprintf("%s %q %q %s", field.Path, field.Old, field.New, field.Need))
			}
			for _, class := range found.Classes {
				if class.Change != difference.Changed {
					lines = append(lines, fmt.Sprintf("%s %s %s", class.Class, class.Change, class.Need))
				}
				for _, field := range class.Fields {
					lines = append(lines, fmt.Sprintf("%s %s %q %q %s", class.Class, field.Path, field.Old, field.New, field.Need))
				}
			}
			if got := strings.Join(lines, "\n"); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestCountsAndContentsCount(t *testing.T) {
	stands := standing(shop())
	stands.Counts["web"] = 5
	web := stands.Deployment.Resources["web"]
	web.Upload = "sha256-old"
	stands.Deployment.Resources["web"] = web
	wanted := difference.Wanted{Application: shop()}
	if found := difference.Between(stands, wanted); !found.Empty() {
		t.Errorf("5 of 2..6 and contents that are not compared: %+v", found)
	}
	wanted.Uploads = map[string]string{"web": "sha256-old"}
	if found := difference.Between(stands, wanted); !found.Empty() {
		t.Errorf("equal contents: %+v", found)
	}
	wanted.Uploads["web"] = "sha256-new"
	narrower := wanted.Application.Resources["web"]
	narrower.Count = quantity.Range{Min: 2, Max: 3}
	wanted.Application.Resources["web"] = narrower
	found := difference.Between(stands, wanted)
	if len(found.Classes) != 1 || found.Need() != difference.NewResources {
		t.Fatalf("%+v", found)
	}
	got := fmt.Sprint(found.Classes[0].Fields[1:])
	for _, part := range []string{"{files sha256-old sha256-new new-resources", "{instances 5 3 in-place"} {
		if !strings.Contains(got, part) {
			t.Errorf("%s, want %s", got, part)
		}
	}
}

func ExampleBetween() {
	stands, wanted := standing(shop()), shop()
	web := wanted.Resources["web"]
	web.Cores, web.Run = 2, nil
	wanted.Resources["web"] = web
	for _, class := range difference.Between(stands, difference.Wanted{Application: wanted}).Classes {
		for _, field := range class.Fields {
			fmt.Printf("%s.%s: %s -> %s takes %s: %s\n", class.Class, field.Path, field.Old, field.New, field.Need, field.Why)
		}
	}
	// Output:
	// web.cores: 1 -> 2 takes new-call: price and quality were agreed on for what it was
	// web.run: [web] ->  takes new-resources: machines get it when they are made
}
