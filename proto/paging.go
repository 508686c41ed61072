package proto

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// Page asks for a list in pages: for what comes after an item, and no more than fits. Who answers without knowing of pages
// gives the whole list and no Next, which is the last page all the same.
type Page struct {
	// After is the Next of the page before; empty for the first page.
	After string `json:"after,omitempty"`
	// Bytes are the most that the items of the page may take together in JSON, 1 to MaxPage; 0 is MaxPage. The first item
	// of a page comes however long it is.
	Bytes int `json:"bytes,omitempty"`
}

// Fill makes the page that was asked for of the items after Page.After, which come in the order of their keys, and returns
// the Next with it: the key of the last item if there are more, else nothing. It reads no more items than it needs, and
// gives up at their first error. Without a page being asked for, it takes all.
//
// A key is an item's own, never changes while the item is there, and is not empty. So whatever is there throughout comes
// once, whatever else comes and goes between the pages.
func Fill[Item any](page *Page, key func(Item) string, items iter.Seq2[Item, error]) ([]Item, string, error) {
	taken := []Item{}
	room := page.room()
	for item, err := range items {
		if err != nil {
			return nil, "", err
		}
		if page != nil {
			text, err := json.Marshal(item)
			if err != nil {
				return nil, "", fmt.Errorf("encode %s: %w", key(item), err)
			}
			room -= len(text) + len(",")
			if room < 0 && len(taken) > 0 {
				return taken, key(taken[len(taken)-1]), nil
			}
		}
		taken = append(taken, item)
	}
	return taken, "", nil
}

func (p *Page) room() int {
	if p == nil || p.Bytes <= 0 {
		return MaxPage
	}
	return min(p.Bytes, MaxPage)
}

// Start is the key behind which the page begins; empty at the beginning.
func (p *Page) Start() string {
	if p == nil {
		return ""
	}
	return p.After
}

// Rest is what comes on the page and after it, in the order of keys, of things that are all at hand.
func Rest[Item any](page *Page, key func(Item) string, all []Item) iter.Seq2[Item, error] {
	type keyed struct {
		key  string
		item Item
	}
	after := page.Start()
	rest := make([]keyed, 0, len(all))
	for _, item := range all {
		if own := key(item); own > after {
			rest = append(rest, keyed{own, item})
		}
	}
	slices.SortFunc(rest, func(one, other keyed) int { return strings.Compare(one.key, other.key) })
	return func(yield func(Item, error) bool) {
		for _, one := range rest {
			if !yield(one.item, nil) {
				return
			}
		}
	}
}

// List is a content that is a list, or a page of one.
type List[Item any] interface {
	Content
	// Part returns the items, and what to ask for the next page with: nothing if there is none.
	Part() (items []Item, next string)
}

// Items are those of a list, which is asked for page by page as they are read. It ends with the first error: a page that
// cannot be had, or one that was told to follow itself, since that listing would never end.
func Items[Item any, L List[Item]](question Question, ask func(Question) (L, error)) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		var none Item
		seen := map[string]bool{"": true}
		for page := (Page{}); ; {
			question.Page = &page
			answer, err := ask(question)
			if err != nil {
				yield(none, err)
				return
			}
			items, next := answer.Part()
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			switch {
			case next == "":
				return
			case seen[next]:
				yield(none, fmt.Errorf("%w: the pages of %s go round in circles, at %q", ErrContent, question.Topic, next))
				return
			}
			seen[next] = true
			page = Page{After: next}
		}
	}
}

// Collect returns all items, or the first error: never a part.
func Collect[Item any](items iter.Seq2[Item, error]) ([]Item, error) {
	all := []Item{}
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}

// Key orders resources by deployment, class, index and generation, and is a resource's own.
func (r ResourceRef) Key() string {
	return fmt.Sprintf("%s %s %08d %08d", r.Deployment, r.Class, r.Index, r.Generation)
}

// Part implements List.
func (l VendorList) Part() ([]VendorStatus, string) { return l.Vendors, l.Next }

// Part implements List.
func (l CallList) Part() ([]CallSummary, string) { return l.Calls, l.Next }

// Part implements List.
func (l AgreementList) Part() ([]sla.Agreement, string) { return l.Agreements, l.Next }

// Part implements List.
func (l ResourceList) Part() ([]ResourceStatus, string) { return l.Resources, l.Next }

// Part implements List.
func (l FlavorList) Part() ([]vendormodules.Flavor, string) { return l.Flavors, l.Next }

// Part implements List.
func (l ImageList) Part() ([]vendormodules.Image, string) { return l.Images, l.Next }

// Part implements List.
func (l DeploymentList) Part() ([]DeploymentStatus, string) { return l.Deployments, l.Next }

// Part implements List.
func (l SampleList) Part() ([]Sample, string) { return l.Samples, l.Next }
