package ec2

import (
	"context"
	"slices"

	"github.com/cloud-agency/agency/vendormodules"
)

// paginator is what the SDK has of one name for every listing.
type paginator[Page, Options any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, options ...func(*Options)) (*Page, error)
}

// collect is what all pages of a listing have.
func collect[Page, Options, Item any](
	ctx context.Context, pages paginator[Page, Options], items func(*Page) []Item,
) ([]Item, error) {
	var all []Item
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = slices.Concat(all, items(page))
	}
	return all, nil
}

// shownAll are things of one kind as they are shown.
func shownAll[Item any](items []Item, show func(Item) vendormodules.Resource) []vendormodules.Resource {
	shown := make([]vendormodules.Resource, 0, len(items))
	for _, one := range items {
		shown = append(shown, show(one))
	}
	return shown
}
