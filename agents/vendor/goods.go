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

// flavorList answers with the sizes of machines that the cloud sells.
func (a *Agent) flavorList(ctx context.Context, message proto.Message, question proto.Question) proto.Message {
	var list proto.FlavorList
	var flavors []vendormodules.Flavor
	if a.goods.flavors != nil {
		known, age, err := a.goods.flavors.Get(ctx)
		if err != nil {
			return proto.Refusing(message, proto.Failure, *refusalOf(err))
		}
		flavors, list.Age = known, quantity.Duration(age)
	}
	key := func(flavor vendormodules.Flavor) string { return flavor.Name + " " + flavor.ID }
	var err error
	if list.Flavors, list.Next, err = proto.Fill(question.Page, key, proto.Rest(question.Page, key, flavors)); err != nil {
		return proto.Refusing(message, proto.Failure, *refusalOf(err))
	}
	return proto.Answer(message, proto.Inform, list)
}

// imageList answers with what machines can be made of: what the cloud tells, else what the module's description names.
func (a *Agent) imageList(ctx context.Context, message proto.Message, question proto.Question) proto.Message {
	var list proto.ImageList
	var images []vendormodules.Image
	for _, name := range a.description.Images {
		images = append(images, vendormodules.Image{ID: name, Name: name})
	}
	if a.goods.images != nil {
		known, age, err := a.goods.images.Get(ctx)
		if err != nil {
			return proto.Refusing(message, proto.Failure, *refusalOf(err))
		}
		images, list.Age = known, quantity.Duration(age)
	}
	key := func(image vendormodules.Image) string { return image.Name + " " + image.ID }
	var err error
	if list.Images, list.Next, err = proto.Fill(question.Page, key, proto.Rest(question.Page, key, images)); err != nil {
		return proto.Refusing(message, proto.Failure, *refusalOf(err))
	}
	return proto.Answer(message, proto.Inform, list)
}
