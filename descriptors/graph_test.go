package descriptors_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/descriptors"
)

func shop() map[string]descriptors.Class {
	return map[string]descriptors.Class{
		"web": {
			Type: descriptors.Cluster, Run: []string{"web ${db.address} ${db.address} ${gone.address} $$"},
			Environment: map[string]string{"SIZE": "${data.size}"}, UserData: "${cache.name}",
		},
		"db":    {Type: descriptors.Compute, Volumes: map[string]string{"data": "/d", "none": "/n"}},
		"cache": {Type: descriptors.Compute, Networks: descriptors.Names{"open"}},
		"data":  {Type: descriptors.Volume},
		"lan":   {Type: descriptors.Network, Members: descriptors.Names{"web", "front"}},
		"open":  {Type: descriptors.Network},
		"front": {Type: descriptors.LoadBalancer, Targets: "web"},
	}
}

func TestDependencies(t *testing.T) {
	want := map[string][]string{
		"web": {"cache", "data", "db", "lan"}, "db": {"data"}, "cache": {"open"}, "front": {"lan", "web"},
		"data": {}, "lan": {}, "open": {},
	}
	got := descriptors.Dependencies(shop())
	for class, needs := range want {
		if !slices.Equal(got[class], needs) {
			t.Errorf("%s needs %v, want %v", class, got[class], needs)
		}
	}
	waves, err := descriptors.Order(got)
	wantWaves := [][]string{{"data", "lan", "open"}, {"cache", "db"}, {"web"}, {"front"}}
	if err != nil || !reflect.DeepEqual(waves, wantWaves) {
		t.Errorf("waves %v, error %v", waves, err)
	}
}

func TestStrangers(t *testing.T) {
	classes := shop()
	classes["log"] = descriptors.Class{
		Type: descriptors.Compute, Run: []string{"log ${log.address} ${cache.addresses} ${front.address} ${data.size} ${web.name}"},
	}
	classes["cache"] = descriptors.Class{
		Type: descriptors.Compute, Run: []string{"cache ${db.address}"}, Networks: descriptors.Names{"open"},
	}
	want := map[string][]string{"db": {"cache", "web"}, "cache": {"log"}, "front": {"log"}} // front and web are on lan
	if got := descriptors.Strangers(classes); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestOrderNamesTheCycle(t *testing.T) {
	_, err := descriptors.Order(map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": nil})
	if !errors.Is(err, descriptors.ErrCycle) || err.Error() != "classes that need each other: b -> c -> b" {
		t.Error(err)
	}
	waves, err := descriptors.Order(map[string][]string{"a": {"unlisted"}})
	if err != nil || len(waves) != 1 {
		t.Error("a class that is not listed counts as there:", waves, err)
	}
}

// TestOrderIsAnOrder tries random graphs: either every class comes after what it needs, or there is a cycle.
func TestOrderIsAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 8).Draw(t, "size")
		dependencies := map[string][]string{}
		for i := range size {
			needs := rapid.SliceOfNDistinct(rapid.IntRange(0, size-1), 0, 2, rapid.ID).Draw(t, "needs")
			dependencies[fmt.Sprint(i)] = []string{}
			for _, need := range needs {
				dependencies[fmt.Sprint(i)] = append(dependencies[fmt.Sprint(i)], fmt.Sprint(need))
			}
		}
		waves, err := descriptors.Order(dependencies)
		if err != nil {
			if !reaches(dependencies) {
				t.Fatalf("no cycle in %v: %v", dependencies, err)
			}
			return
		}
		done := map[string]bool{}
		for _, wave := range waves {
			for _, class := range wave {
				for _, need := range dependencies[class] {
					if !done[need] {
						t.Fatalf("%s before %s in %v", class, need, waves)
					}
				}
			}
			for _, class := range wave {
				done[class] = true
			}
		}
		if len(done) != size {
			t.Fatalf("%v leaves classes out", waves)
		}
	})
}

// reaches says whether some class needs itself in the end, by taking every step again and again.
func reaches(dependencies map[string][]string) bool {
	for start := range dependencies {
		reached := map[string]bool{}
		for _, need := range dependencies[start] {
			reached[need] = true
		}
		for range dependencies {
			for class := range reached {
				for _, need := range dependencies[class] {
					reached[need] = true
				}
			}
		}
		if reached[start] {
			return true
		}
	}
	return false
}

func TestNetworksAndVolumes(t *testing.T) {
	resources := shop()
	for class, want := range map[string][]string{"web": {"lan"}, "cache": {"open"}, "front": {"lan"}, "db": nil} {
		if got := descriptors.Networks(resources, class); !slices.Equal(got, want) {
			t.Errorf("%s is on %v, want %v", class, got, want)
		}
	}
	if user, attached := descriptors.VolumeUser(resources, "data"); user != "db" || !attached {
		t.Errorf("data is attached to %q, %v", user, attached)
	}
	if user, attached := descriptors.VolumeUser(resources, "lan"); attached {
		t.Errorf("lan is attached to %q", user)
	}
}

func TestReferences(t *testing.T) {
	want := []descriptors.Reference{
		{Class: "cache", Attribute: "name"}, {Class: "data", Attribute: "size"},
		{Class: "db", Attribute: "address"}, {Class: "gone", Attribute: "address"},
	}
	if got := descriptors.References(shop()["web"]); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestResolve(t *testing.T) {
	unknown := errors.New("unknown")
	lookup := func(reference descriptors.Reference) (string, error) {
		if reference == (descriptors.Reference{Class: "db", Attribute: "address"}) {
			return "127.0.0.1", nil
		}
		return "", unknown
	}
	for text, want := range map[string]string{
		"":                               "",
		"web":                            "web",
		"--db ${db.address}:5432":        "--db 127.0.0.1:5432",
		"${db.address}${db.address}":     "127.0.0.1127.0.0.1",
		"$${db.address} $$NAME $$$$":     "${db.address} $NAME $$",
		"$NAME ${NAME} ${NAME:-1.5} $":   "$NAME ${NAME} ${NAME:-1.5} $",
		"${NAME%.txt} ${} ${ $( ${_a.b}": "${NAME%.txt} ${} ${ $( ${_a.b}",
	} {
		if got, err := descriptors.Resolve(text, lookup); err != nil || got != want {
			t.Errorf("%q became %q, want %q; error %v", text, got, want, err)
		}
	}
	if _, err := descriptors.Resolve("${gone.address}", lookup); !errors.Is(err, unknown) {
		t.Error("the lookup's error is lost:", err)
	}
	for _, text := range []string{"${db.address", "${db.}", "${DB.address}", "${db.address.x}"} {
		if got, err := descriptors.Resolve(text, lookup); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}
