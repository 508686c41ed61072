package vendor

import (
	"context"
	"time"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// goods are what the cloud sells, as it told last. What clouds sell changes by the week, and is asked for by the minute.
type goods struct {
	flavors *catalogue.Cache[[]vendormodules.Flavor]
	images  *catalogue.Cache[[]vendormodules.Image]
}

// goodsKept is how long what the cloud sells is told on without asking it again, goodsStale for how long at most while
// it does not answer.
const (
	goodsKept  = 5 * time.Minute
	goodsStale = time.Hour
)

// newGoods asks a catalogue; goods of none are empty.
func newGoods(shop vendormodules.Catalogue, now func() time.Time) goods {
	if shop == nil {
		return goods{}
	}
	options := catalogue.CacheOptions{Keep: goodsKept, Failure: time.Second, Stale: goodsStale, Now: now}
	return goods{
		flavors: catalogue.NewCache(shop.Flavors, options), images: catalogue.NewCache(shop.Images, options),
	}
}

// sold is what a cache of the goods has, and how old that is; known if there is no cache.
func sold[T any](ctx context.Context, cache *catalogue.Cache[[]T], known []T) ([]T, quantity.Duration, error) {
	if cache == nil {
		return known, 0, nil
	}
	told, age, err := cache.Get(ctx)
	return told, quantity.Duration(age), err
}

// flavorList answers with the sizes of machines that the cloud sells.
func (a *Agent) flavorList(ctx context.Context, message proto.Message, question proto.Question) proto.Message {
	var list proto.FlavorList
	flavors, age, err := sold(ctx, a.goods.flavors, nil)
	if err == nil {
		list.Age = age
		key := func(flavor vendormodules.Flavor) string { return flavor.Name + " " + flavor.ID }
		list.Flavors, list.Next, err = proto.Fill(question.Page, key, proto.Rest(question.Page, key, flavors))
	}
	if err != nil {
		return proto.Refusing(message, proto.Failure, *refusalOf(err))
	}
	return proto.Answer(message, proto.Inform, list)
}

// imageList answers with what machines can be made of: what the cloud tells, else what the module's description names.
func (a *Agent) imageList(ctx context.Context, message proto.Message, question proto.Question) proto.Message {
	var list proto.ImageList
	described := make([]vendormodules.Image, 0, len(a.description.Images))
	for _, name := range a.description.Images {
		described = append(described, vendormodules.Image{ID: name, Name: name})
	}
	images, age, err := sold(ctx, a.goods.images, described)
	if err == nil {
		list.Age = age
		key := func(image vendormodules.Image) string { return image.Name + " " + image.ID }
		list.Images, list.Next, err = proto.Fill(question.Page, key, proto.Rest(question.Page, key, images))
	}
	if err != nil {
		return proto.Refusing(message, proto.Failure, *refusalOf(err))
	}
	return proto.Answer(message, proto.Inform, list)
}
