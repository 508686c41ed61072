package difference_test

import (
	"maps"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/sla/difference"
)

// farm has a class of every type, on a network that names its members.
func farm() descriptors.Application {
	application := shop()
	application.Resources = maps.Clone(application.Resources)
	application.Resources["lan"] = descriptors.Class{Type: descriptors.Network, Members: descriptors.Names{"web"}}
	application.Resources["db"] = descriptors.Class{
		Type: descriptors.Compute, Image: "kv-store", Cores: 2, Memory: quantity.GiB,
		Place: descriptors.Placement{Country: descriptors.Names{"GR"}},
	}
	return application.WithDefaults()
}

// outcome is all that is said of a class. None at all means that it does not differ.
type outcome struct {
	change difference.Change
	need   difference.Need
	fate   difference.Fate
}

// fateCase is an edit of one class and what becomes of it.
type fateCase struct {
	class string
	edit  func(*descriptors.Class)
	want  outcome
}

var (
	inPlace  = outcome{difference.Changed, difference.InPlace, difference.Kept}
	rebound  = outcome{difference.Changed, difference.NewCall, difference.Kept}
	resized  = outcome{difference.Changed, difference.NewCall, difference.Resized}
	replaced = outcome{difference.Changed, difference.NewResources, difference.Replaced}
	// elsewhere is agreed on anew and made anew.
	elsewhere = outcome{difference.Changed, difference.NewCall, difference.Replaced}
)

// TestTheFateOfEveryField says for each field that a descriptor may change what becomes of the resources that stand.
func TestTheFateOfEveryField(t *testing.T) {
	cases := map[string]fateCase{
		"nothing":                  {"web", func(*descriptors.Class) {}, outcome{}},
		"fewer of the range":       {"web", func(c *descriptors.Class) { c.Count.Max = 3 }, inPlace},
		"a balancer's targets":     {"front", func(c *descriptors.Class) { c.Targets = "db" }, inPlace},
		"another vendor denied":    {"web", func(c *descriptors.Class) { c.Place.Vendors.Deny = descriptors.Names{"oslo"} }, inPlace},
		"a wider range":            {"web", func(c *descriptors.Class) { c.Count.Max = 9 }, rebound},
		"another country":          {"db", func(c *descriptors.Class) { c.Place.Country = descriptors.Names{"PT"} }, rebound},
		"no longer only there":     {"db", func(c *descriptors.Class) { c.Place.Country = nil }, rebound},
		"the vendor denied":        {"db", func(c *descriptors.Class) { c.Place.Vendors.Deny = descriptors.Names{"athens"} }, rebound},
		"cores":                    {"db", func(c *descriptors.Class) { c.Cores = 4 }, resized},
		"memory":                   {"db", func(c *descriptors.Class) { c.Memory = 2 * quantity.GiB }, resized},
		"a volume's size":          {"data", func(c *descriptors.Class) { c.Size = 2 * quantity.GiB }, resized},
		"cores and a wider range":  {"web", func(c *descriptors.Class) { c.Cores, c.Count.Max = 4, 9 }, resized},
		"cores and the place":      {"db", func(c *descriptors.Class) { c.Cores, c.Place.Country = 4, nil }, resized},
		"run":                      {"web", func(c *descriptors.Class) { c.Run = []string{"web", "log"} }, replaced},
		"environment":              {"web", func(c *descriptors.Class) { c.Environment = map[string]string{"A": "1"} }, replaced},
		"user data":                {"web", func(c *descriptors.Class) { c.UserData = "hello" }, replaced},
		"the names of files":       {"web", func(c *descriptors.Class) { c.Files = map[string]string{"site/": "/srv/www"} }, replaced},
		"ports":                    {"web", func(c *descriptors.Class) { c.Ports = []int{80} }, replaced},
		"where a volume is seen":   {"web", func(c *descriptors.Class) { c.Volumes = map[string]string{"data": "/mnt"} }, replaced},
		"a balancer's check":       {"front", func(c *descriptors.Class) { c.Check.Path = "/healthz" }, replaced},
		"a balancer's port":        {"front", func(c *descriptors.Class) { c.Listen = 80 }, replaced},
		"run and a narrower range": {"web", func(c *descriptors.Class) { c.Run, c.Count.Max = nil, 3 }, replaced},
		"image":                    {"db", func(c *descriptors.Class) { c.Image = "static-web" }, elsewhere},
		"type":                     {"db", func(c *descriptors.Class) { c.Type = descriptors.Cluster }, elsewhere},
		"cores and run":            {"web", func(c *descriptors.Class) { c.Cores, c.Run = 4, nil }, elsewhere},
		"a network's range":        {"lan", func(c *descriptors.Class) { c.Range = "10.1.0.0/24" }, elsewhere},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			wanted := farm()
			class := wanted.Resources[test.class]
			test.edit(&class)
			wanted.Resources[test.class] = class
			judgeFate(t, test.class, wanted, test.want)
		})
	}
}

// TestTheFateOfClassesThatComeAndGo: they have none, for nothing of them stands, or nothing of them stays.
func TestTheFateOfClassesThatComeAndGo(t *testing.T) {
	without := farm()
	delete(without.Resources, "front")
	judgeFate(t, "front", without, outcome{difference.Removed, difference.InPlace, ""})
	with := farm()
	with.Resources["cache"] = descriptors.Class{Type: descriptors.Compute, Image: "kv-store"}
	judgeFate(t, "cache", with.WithDefaults(), outcome{difference.Added, difference.NewCall, ""})
}

// TestTheFateOfMembers: who names the other, the network or the machine, is not what counts.
func TestTheFateOfMembers(t *testing.T) {
	turned := farm()
	lan, web := turned.Resources["lan"], turned.Resources["web"]
	lan.Members, web.Networks = nil, descriptors.Names{"lan"}
	turned.Resources["lan"], turned.Resources["web"] = lan, web
	judgeFate(t, "web", turned, inPlace)
	judgeFate(t, "lan", turned, inPlace)
	left := farm()
	lan.Members = descriptors.Names{"db"}
	left.Resources["lan"] = lan
	judgeFate(t, "lan", left, inPlace)
	judgeFate(t, "web", left, replaced)
	judgeFate(t, "db", left, replaced)
}

// judgeFate compares what is said of a class with what is to be, by the difference and by the two deployments.
func judgeFate(t *testing.T, class string, wanted descriptors.Application, want outcome) {
	t.Helper()
	stands := standing(farm())
	var got outcome
	for _, found := range difference.Between(stands, difference.Wanted{Application: wanted}).Classes {
		if found.Class == class {
			got = outcome{found.Change, found.Need, found.Resources}
		}
	}
	if got != want {
		t.Errorf("%s is %+v, want %+v", class, got, want)
	}
	then := standing(wanted).Deployment
	_, had := stands.Deployment.Resources[class]
	bound, has := then.Resources[class]
	if !had || !has {
		return
	}
	fate := difference.Kept
	if want.fate != "" {
		fate = want.fate
	}
	if got := difference.FateOf(stands.Deployment, then, class); got != fate {
		t.Errorf("resources of %s are %s, want %s", class, got, fate)
	}
	bound.Vendor = "lisbon"
	then.Resources[class] = bound
	if got := difference.FateOf(stands.Deployment, then, class); got != difference.Replaced {
		t.Errorf("resources of %s at another vendor are %s", class, got)
	}
}

// TestTheFateOfUploads: another content of the same files is given to machines when they are made.
func TestTheFateOfUploads(t *testing.T) {
	stands, then := standing(farm()).Deployment, standing(farm()).Deployment
	web := then.Resources["web"]
	web.Upload, web.Agreement = "sha256-new", "other"
	then.Resources["web"] = web
	if got := difference.FateOf(stands, then, "web"); got != difference.Replaced {
		t.Errorf("machines with other files are %s", got)
	}
	if got := difference.FateOf(stands, then, "db"); got != difference.Kept {
		t.Errorf("machines without files are %s", got)
	}
}
