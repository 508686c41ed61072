package descriptors

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// MapReduceImage is the image of a map-reduce that names none; it has the command map-reduce.
const MapReduceImage = "map-reduce"

// MapReducePort is where a map-reduce's coordinator listens: for its workers, and for those who want the result.
const MapReducePort = 8088

// MapReduceInput is the directory of the input on the coordinator.
const MapReduceInput = "/srv/input"

// The environment variables that the command map-reduce is told its job by.
const (
	MapReduceMapper   = "MAP_REDUCE_MAPPER"
	MapReduceCombiner = "MAP_REDUCE_COMBINER"
	MapReduceReducer  = "MAP_REDUCE_REDUCER"
	// MapReduceToken is what workers and coordinator know each other by.
	MapReduceToken = "MAP_REDUCE_TOKEN"
)

// minSplit is the least that a mapper may be given, in bytes: below it the way costs more than the work.
const minSplit = quantity.KiB

// Coordinator is the name of the class that coordinates a map-reduce, where it is expanded.
func Coordinator(class string) string { return class + "-coordinator" }

// Expanded is the application in terms that every vendor of machines serves: each map-reduce class becomes a cluster of
// workers, which keeps the class's name, and a compute that coordinates them at the same vendor. Everything else that
// names the class goes on to mean the workers, except that a network has both as members and ${class.address} is the
// coordinator's. The application itself is left as it is.
func (a Application) Expanded() Application {
	a.Resources = expand(a.Resources)
	return a
}

// jobs are the names of the map-reduce classes, sorted.
func jobs(resources map[string]Class) []string {
	return slices.DeleteFunc(sortedKeys(resources), func(name string) bool { return resources[name].Type != MapReduce })
}

func expand(resources map[string]Class) map[string]Class {
	if len(jobs(resources)) == 0 {
		return resources
	}
	isJob := func(name string) bool { return resources[name].Type == MapReduce }
	expanded := make(map[string]Class, len(resources))
	for name, class := range resources {
		class = class.turnedToCoordinators(isJob)
		if !isJob(name) {
			expanded[name] = class
			continue
		}
		expanded[name] = class.workers(name)
		if coordinator := Coordinator(name); resources[coordinator].Type == "" { // else it is a fault that is told of
			expanded[coordinator] = class.coordinator(name)
		}
	}
	return expanded
}

// turnedToCoordinators is the class with coordinators where it means them and names the map-reduce.
func (c Class) turnedToCoordinators(isJob func(name string) bool) Class {
	turn := func(text string) string {
		var turned strings.Builder
		for text != "" {
			piece, rest := nextPiece(text)
			if piece.isReference() && isJob(piece.reference.Class) {
				turned.WriteString(Reference{Coordinator(piece.reference.Class), piece.reference.Attribute}.String())
			} else {
				turned.WriteString(text[:len(text)-len(rest)])
			}
			text = rest
		}
		return turned.String()
	}
	c.Run = slices.Clone(c.Run)
	for i, command := range c.Run {
		c.Run[i] = turn(command)
	}
	c.Environment = maps.Clone(c.Environment)
	for name, value := range c.Environment {
		c.Environment[name] = turn(value)
	}
	c.UserData = turn(c.UserData)
	c.Mapper, c.Combiner, c.Reducer = turn(c.Mapper), turn(c.Combiner), turn(c.Reducer)
	c.Members = withCoordinators(c.Members, isJob)
	c.Rules = slices.Clone(c.Rules)
	for i := range c.Rules {
		c.Rules[i].From = withCoordinators(c.Rules[i].From, isJob)
		c.Rules[i].To = withCoordinators(c.Rules[i].To, isJob)
	}
	return c
}

// withCoordinators are names with the coordinator of each map-reduce among them.
func withCoordinators(names Names, isJob func(name string) bool) Names {
	for _, name := range names {
		if isJob(name) {
			names = append(slices.Clip(names), Coordinator(name))
		}
	}
	return names
}

// machine is what the machines of a map-reduce have in common.
func (c Class) machine(kind ResourceType) Class {
	return Class{
		Type: kind, Place: c.Place, Isolation: c.Isolation, Image: c.Image, Architecture: c.Architecture,
		Networks: c.Networks,
	}
}

// workers is the cluster that a map-reduce class called name stands for.
func (c Class) workers(name string) Class {
	workers := c.machine(Cluster)
	workers.Count, workers.Cores, workers.Memory, workers.Files = c.Count, c.Cores, c.Memory, c.Files
	workers.Environment = maps.Clone(c.Environment)
	if workers.Environment == nil {
		workers.Environment = map[string]string{}
	}
	workers.Environment[MapReduceToken] = Reference{Coordinator(name), AttributeToken}.String()
	workers.Run = []string{fmt.Sprintf(`map-reduce worker --coordinator "%s:%d" --slots %d`,
		Reference{Coordinator(name), AttributeAddress}, MapReducePort, max(c.Cores, 1))}
	return workers.WithDefaults()
}

// coordinator is the compute that coordinates them.
func (c Class) coordinator(name string) Class {
	coordinator := c.machine(Compute)
	apart := func(other string) bool { return other == ApartMachine }
	coordinator.Place.Apart = slices.DeleteFunc(slices.Clone(c.Place.Apart), apart)
	coordinator.Place.Together = append(slices.Clip(c.Place.Together), name)
	coordinator.Files = make(map[string]string, len(c.Input))
	for _, source := range c.Input {
		coordinator.Files[source] = path.Join(MapReduceInput, source)
	}
	coordinator.Environment = map[string]string{
		MapReduceMapper: c.Mapper, MapReduceReducer: c.Reducer,
		MapReduceToken: Reference{Coordinator(name), AttributeToken}.String(),
	}
	if c.Combiner != "" {
		coordinator.Environment[MapReduceCombiner] = c.Combiner
	}
	coordinator.Run = []string{fmt.Sprintf(`map-reduce coordinator --listen "$ADDRESS:%d" --reducers %d --split %d --attempts %d`,
		MapReducePort, c.Reducers, c.Split, c.Attempts)}
	coordinator.Ports = []int{MapReducePort}
	return coordinator.WithDefaults()
}

// mapReduce judges a job.
func (j *judge) mapReduce(at, name string, class Class) {
	if !j.silent {
		j.require(at+".input", len(class.Input) > 0, "a map-reduce reads something")
		j.require(at+".mapper", strings.TrimSpace(class.Mapper) != "", "a map-reduce has a mapper")
		j.require(at+".reducer", strings.TrimSpace(class.Reducer) != "", "a map-reduce has a reducer; cat is the least one")
	}
	j.input(at+".input", class.Input)
	if class.Split < minSplit {
		j.fault(at+".split", "%s is too little for a mapper; at least %s", class.Split, minSplit)
	}
	j.coordinatorOf(at, name)
	j.files(at+".files", class.Files)
	j.environment(at+".environment", class.Environment)
	j.references(at, class)
}

// input judges what a job reads: from beside the descriptor, and nothing twice.
func (j *judge) input(at string, input Names) {
	seen := make(map[string]bool, len(input))
	for i, source := range input {
		switch clean := path.Clean(source); {
		case !isBeside(source):
			j.faultAt(elementPath(at, i), at, "%q is not beside the descriptor; write a relative path without ..", source)
		case seen[clean]:
			j.faultAt(elementPath(at, i), at, "%q is there twice", source)
		default:
			seen[clean] = true
		}
	}
}

// coordinatorOf judges what a job's coordinator is to be called.
func (j *judge) coordinatorOf(at, name string) {
	coordinator := Coordinator(name)
	if _, taken := j.classes[coordinator]; taken {
		j.keyFault(at, at, "%q is the name of what coordinates it; call one of the two something else", coordinator)
	}
	if isName(name) && !isName(coordinator) {
		j.keyFault(at, at, "%q is too long a name for a map-reduce: %q is what coordinates it", name, coordinator)
	}
}
