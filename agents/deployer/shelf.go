package deployer

import (
	"slices"
	"strings"
)

// shelf holds deployments by id, and where their names stand in the order of listings, so that neither a name nor a page
// is looked for among all of them.
type shelf struct {
	byID   map[string]*deployment
	places []place // sorted by key
	keys   map[string]string
}

// place is where a deployment stands in listings.
type place struct {
	key    string
	target *deployment
}

func newShelf() shelf { return shelf{byID: map[string]*deployment{}, keys: map[string]string{}} }

// put takes a deployment in, or notes that it may have another name by now.
func (s *shelf) put(target *deployment) {
	descriptor := target.snapshot().Descriptor
	key := placeKey(descriptor.Name, descriptor.ID)
	if s.byID[descriptor.ID] == target && s.keys[descriptor.ID] == key {
		return
	}
	s.drop(descriptor.ID)
	s.byID[descriptor.ID], s.keys[descriptor.ID] = target, key
	at, _ := s.search(key)
	s.places = slices.Insert(s.places, at, place{key, target})
}

func (s *shelf) drop(id string) {
	if at, found := s.search(s.keys[id]); found {
		s.places = slices.Delete(s.places, at, at+1)
	}
	delete(s.byID, id)
	delete(s.keys, id)
}

func (s *shelf) search(key string) (at int, found bool) {
	return slices.BinarySearchFunc(s.places, key, func(one place, key string) int { return strings.Compare(one.key, key) })
}

// named are the deployments that have a name, or had it.
func (s *shelf) named(name string) (found []*deployment) {
	prefix := placeKey(name, "")
	at, _ := s.search(prefix)
	for ; at < len(s.places) && strings.HasPrefix(s.places[at].key, prefix); at++ {
		found = append(found, s.places[at].target)
	}
	return found
}

// after are the next places behind a key, at most so many.
func (s *shelf) after(key string, most int) []place {
	at, found := s.search(key)
	if found {
		at++
	}
	return slices.Clone(s.places[at:min(len(s.places), at+most)])
}

// placeKey is a deployment's key in listings: by name, and by id for those that have one name. No name has a space.
func placeKey(name, id string) string { return name + " " + id }
