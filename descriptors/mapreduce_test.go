package descriptors_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
)

const job = `
name: count
resources:
  words:
    type: map-reduce
    count: 2..5
    cores: 3
    input: [ text/, more/a.txt ]
    mapper: "map $$x ${db.address}"
    reducer: gather
    reducers: 4
    files: { tool: /srv/tool }
    environment: { LEVEL: "1" }
    networks: back
    place: { country: PT, apart: [ machine, db ] }
  db: { type: compute, image: kv-store, allow: { 5432: words }, networks: front }
  reader: { type: compute, image: shell, run: [ "read ${words.address}:8088 ${words.name} $${words.address} $HOME" ], networks: [ back, lan ] }
  back: { type: network }
  front: { type: network }
  lan: { type: network, private: true, span: true, members: [ words, db ] }
`

func TestExpanded(t *testing.T) {
	given, err := descriptors.ReadApplication("job.yaml", []byte(job))
	if err != nil {
		t.Fatal(err)
	}
	before, err := descriptors.ReadApplication("job.yaml", []byte(job))
	if err != nil {
		t.Fatal(err)
	}
	expanded := given.Expanded()
	if !reflect.DeepEqual(given, before) {
		t.Error("the application itself was changed")
	}
	if err := expanded.Check(); err != nil {
		t.Errorf("what it is expanded to has faults: %v", err)
	}
	place := descriptors.Placement{Country: descriptors.Names{"PT"}, Apart: descriptors.Names{"machine", "db"}}
	workers := descriptors.Class{
		Type: descriptors.Cluster, Image: "map-reduce", Count: quantity.Range{Min: 2, Max: 5}, Cores: 3, Memory: 512 * quantity.MiB,
		Architecture: "x86_64", Files: map[string]string{"tool": "/srv/tool"}, Networks: descriptors.Names{"back"}, Place: place,
		Run: []string{`map-reduce worker --coordinator "${words-coordinator.address}:8088" --slots 3`},
		Environment: map[string]string{
			"LEVEL": "1", "MAP_REDUCE_TOKEN": "${words-coordinator.token}",
		},
	}
	if got := expanded.Resources["words"]; !reflect.DeepEqual(got, workers) {
		t.Errorf("workers:\n%+v, want\n%+v", got, workers)
	}
	place.Apart, place.Together = descriptors.Names{"db"}, descriptors.Names{"words"}
	coordinator := descriptors.Class{
		Type: descriptors.Compute, Image: "map-reduce", Count: quantity.Range{Min: 1, Max: 1}, Cores: 1, Memory: 512 * quantity.MiB,
		Architecture: "x86_64", Networks: descriptors.Names{"back"}, Place: place, Ports: []int{8088},
		Files: map[string]string{"text/": "/srv/input/text", "more/a.txt": "/srv/input/more/a.txt"},
		Run:   []string{`map-reduce coordinator --listen "$ADDRESS:8088" --reducers 4 --split 16777216 --attempts 4`},
		Environment: map[string]string{
			"MAP_REDUCE_MAPPER": "map $$x ${db.address}", "MAP_REDUCE_REDUCER": "gather",
			"MAP_REDUCE_TOKEN": "${words-coordinator.token}",
		},
	}
	if got := expanded.Resources["words-coordinator"]; !reflect.DeepEqual(got, coordinator) {
		t.Errorf("coordinator:\n%+v, want\n%+v", got, coordinator)
	}
	for class, want := range map[string]string{
		"reader": "read ${words-coordinator.address}:8088 ${words-coordinator.name} $${words.address} $HOME",
	} {
		if got := expanded.Resources[class].Run[0]; got != want {
			t.Errorf("%s runs %q, want %q", class, got, want)
		}
	}
	if got := expanded.Resources["lan"].Members; !slices.Equal(got, []string{"words", "db", "words-coordinator"}) {
		t.Error("members:", got)
	}
	dependencies := descriptors.Dependencies(expanded.Resources)
	if got := dependencies["words-coordinator"]; !slices.Equal(got, []string{"back", "db", "lan"}) {
		t.Error("its own token is nothing to wait for:", got)
	}
	again := expanded.Expanded()
	if !reflect.DeepEqual(again, expanded) {
		t.Error("expanded twice it is another")
	}
}

// TestCallsDoNotTellWhatIsRun covers jobs for vendors that offer the type itself.
func TestCallsDoNotTellWhatIsRun(t *testing.T) {
	application, err := descriptors.ReadApplication("job.yaml", []byte(job))
	if err != nil {
		t.Fatal(err)
	}
	for _, asked := range []descriptors.Application{application, application.Expanded()} {
		text, err := descriptors.EncodeBytes(descriptors.Call(asked, "c", 1, time.Unix(0, 0)))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"map $", "gather", "text/", "tool"} {
			if strings.Contains(string(text), word) {
				t.Errorf("the call tells of %q:\n%s", word, text)
			}
		}
	}
}
