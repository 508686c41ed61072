package vendor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// quotesAtOnce bounds the classes of one call that a module prices at the same time.
const quotesAtOnce = 8

// call answers a call for proposals: with an offer for every class that the account can serve and has room for, or with
// the reason why there is none. Asked again for the same call and round it says the same.
func (a *Agent) call(ctx context.Context, message proto.Message) proto.Message {
	call, err := proto.Decode[descriptors.CallForProposals](message)
	if err == nil {
		err = sound(call)
	}
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	key := round{call.ID, call.Round}
	a.mutex.Lock()
	a.ledger.expire(a.Now())
	known, answered := a.ledger.answered[key]
	a.mutex.Unlock()
	if !answered && call.Counter != nil {
		if known, err = a.counter(ctx, call); err != nil {
			return a.undecided(message, err)
		}
		answered = true
	}
	if !answered {
		quotes, refusals := a.quote(ctx, call)
		if ctx.Err() != nil {
			return proto.Refusing(message, proto.Refuse, *refusalf(sla.RefusedUnavailable, "%s is closing down", a.name))
		}
		known = a.offer(ctx, call, quotes, refusals)
	}
	if known.refusal != nil {
		return proto.Refusing(message, proto.Refuse, *known.refusal)
	}
	return proto.Answer(message, proto.Propose, *known.proposal)
}

// sound says what keeps a call from being answered at all.
func sound(call descriptors.CallForProposals) error {
	if call.ID == "" || call.Round < 1 || call.Currency == "" || len(call.Classes) == 0 {
		return errors.New("a call has an id, a round from 1, a currency and at least one class")
	}
	for _, name := range slices.Sorted(maps.Keys(call.Classes)) {
		if err := descriptors.CheckName(name); err != nil {
			return fmt.Errorf("class: %w", err)
		}
	}
	return nil
}

// quote asks the module what each class costs; a class that it cannot serve has a refusal instead.
func (a *Agent) quote(
	ctx context.Context, call descriptors.CallForProposals,
) (map[string]vendormodules.Quote, map[string]sla.Refusal) {
	names := slices.Sorted(maps.Keys(call.Classes))
	quotes, failures := make([]vendormodules.Quote, len(names)), make([]error, len(names))
	var group errgroup.Group
	group.SetLimit(quotesAtOnce)
	for i, name := range names {
		class := call.Classes[name]
		class.Type = single(class.Type)
		refusal := a.unfit(class)
		if refusal == nil {
			class, refusal = a.plain(class)
		}
		if refusal != nil {
			failures[i] = *refusal
			continue
		}
		group.Go(func() error {
			quotes[i], failures[i] = a.Module.Quote(ctx, class)
			return nil
		})
	}
	_ = group.Wait() // failures are kept by class
	offered, refusals := map[string]vendormodules.Quote{}, map[string]sla.Refusal{}
	for i, name := range names {
		switch {
		case failures[i] != nil:
			refusals[name] = *refusalOf(failures[i])
		case quotes[i].Unit.PerHour.Currency != call.Currency:
			refusals[name] = *refusalf(sla.RefusedCurrency, "prices are in %s, not in %s",
				quotes[i].Unit.PerHour.Currency, call.Currency)
		default:
			offered[name] = quotes[i]
		}
	}
	return offered, refusals
}

// single is the type of one instance of a class: those of a cluster are computes.
func single(kind descriptors.ResourceType) descriptors.ResourceType {
	if kind == descriptors.Cluster {
		return descriptors.Compute
	}
	return kind
}

// unfit says why the account as a whole does not suit a class, whatever its price.
func (a *Agent) unfit(class descriptors.Class) *sla.Refusal {
	description := &a.description
	place := class.Place
	switch {
	case !slices.Contains(description.Types, class.Type):
		return refusalf(sla.RefusedUnsupported, "has no %s", class.Type)
	case len(place.Region) > 0 && !slices.Contains(place.Region, description.Region):
		return refusalf(sla.RefusedPlacement, "is in region %s, not in %s", description.Region, strings.Join(place.Region, ", "))
	case len(place.Country) > 0 && !slices.Contains(place.Country, description.Country):
		return refusalf(sla.RefusedPlacement, "is in %s, not in %s", description.Country, strings.Join(place.Country, ", "))
	case class.Isolation == "required" && !description.Isolation:
		return refusalf(sla.RefusedIsolation, "cannot keep it apart from others")
	}
	return nil
}

// offer holds capacity for what was quoted and makes the proposal, in one step, so that no two calls are promised the
// same capacity.
func (a *Agent) offer(
	ctx context.Context, call descriptors.CallForProposals,
	quotes map[string]vendormodules.Quote, refusals map[string]sla.Refusal,
) reply {
	capacity, err := a.Module.Capacity(ctx)
	if err != nil {
		return reply{refusal: refusalOf(fmt.Errorf("capacity of %s: %w", a.name, err))}
	}
	key := round{call.ID, call.Round}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if known, answered := a.ledger.answered[key]; answered {
		return known
	}
	taken := a.ledger.held.Plus(a.ledger.used).Plus(a.copied())
	instead, stands := a.ledger.serving(call.Deployment, call.Classes)
	offers, uses := fit(call.Classes, market{capacity, taken, stands}, quotes, refusals)
	a.promiseToResize(call.Classes, instead, offers)
	a.tellAddresses(call.Classes, offers)
	if len(offers) == 0 {
		value := reply{refusal: summary(refusals)}
		if !call.Advisory {
			a.ledger.remember(key, value, a.Now().Add(a.OfferValidity))
		}
		return value
	}
	now := a.Now().UTC()
	record := &proposalRecord{ID: ulid.Make().String(), State: sla.ProposalOffered, Uses: uses, Instead: instead, Changed: now}
	record.Proposal = sla.Proposal{
		ID: record.ID, Call: call.ID, Round: call.Round, Vendor: a.name, Module: a.description.Kind,
		Region: a.description.Region, Country: a.description.Country, Currency: call.Currency,
		Offers: offers, Refusals: refusals, Held: !call.Advisory, ValidUntil: now.Add(a.OfferValidity),
		Notes: a.description.Notes,
	}
	value := reply{proposal: &record.Proposal}
	if call.Advisory {
		return value
	}
	a.ledger.remember(key, value, record.Proposal.ValidUntil)
	a.ledger.put(record)
	a.unsaved = append(a.unsaved, record.ID)
	select {
	case a.fresh <- struct{}{}:
	default:
	}
	return value
}

// promiseToResize says in the offers what of the classes that stand is given another size as it runs.
func (a *Agent) promiseToResize(classes map[string]descriptors.Class, instead map[string]string, offers map[string]sla.Offer) {
	for name := range instead {
		kind := classes[name].Type
		if offer, offered := offers[name]; offered && a.abilities.Resizer != nil && (kind.RunsMachines() || kind == descriptors.Volume) {
			offer.Resizes = true
			offers[name] = offer
		}
	}
}

// tellAddresses says in the offers when what is made has a public address.
func (a *Agent) tellAddresses(classes map[string]descriptors.Class, offers map[string]sla.Offer) {
	for name, offer := range offers {
		offer.Public = slices.Clone(a.description.Public[single(classes[name].Type)])
		offers[name] = offer
	}
}

// market is what there is to give away: all there is, what others hold of it, and what each class has already.
type market struct {
	capacity, taken vendormodules.Usage
	stands          map[string]vendormodules.Usage
}

// fit gives what is free to the classes that were quoted, group by group in the order of their names, and adds to the
// refusals those for which there is no room. It returns the offers, and what the maximum of each takes.
func fit(
	classes map[string]descriptors.Class, market market,
	quotes map[string]vendormodules.Quote, refusals map[string]sla.Refusal,
) (map[string]sla.Offer, map[string]vendormodules.Usage) {
	offers, uses := map[string]sla.Offer{}, map[string]vendormodules.Usage{}
	taken := market.taken
	for _, group := range groups(classes) {
		refuseRest(group, refusals)
		wanted := taken
		for _, name := range group {
			if _, refused := refusals[name]; refused {
				continue
			}
			one, count := quotes[name].Use, sla.Instances(classes, name).Max
			others := wanted.Plus(least(market.stands[name], one.Times(count)).Times(-1))
			if refusal := shortage(market.capacity, others, one, count); refusal != nil {
				refusals[name] = *refusal
				continue
			}
			wanted = others.Plus(one.Times(count))
		}
		refuseRest(group, refusals)
		for _, name := range group {
			if _, refused := refusals[name]; refused {
				continue
			}
			quote, count := quotes[name], sla.Instances(classes, name)
			uses[name] = quote.Use.Times(count.Max)
			offers[name] = sla.Offer{
				Count: count, Unit: quote.Unit, Availability: quote.Availability.Rounded(), ReadyIn: quote.ReadyIn, Flavor: quote.Flavor,
			}
			taken = taken.Plus(uses[name]).Plus(least(market.stands[name], uses[name]).Times(-1))
		}
	}
	return offers, uses
}

// shortage says why count instances do not fit beside what is taken, and how many would.
func shortage(capacity, taken, one vendormodules.Usage, count int) *sla.Refusal {
	limits := []struct {
		what             string
		total, gone, one int64
		show             func(int64) string
	}{
		{"machines", int64(capacity.Instances), int64(taken.Instances), int64(one.Instances), number},
		{"cores", int64(capacity.Cores), int64(taken.Cores), int64(one.Cores), number},
		{"memory", int64(capacity.Memory), int64(taken.Memory), int64(one.Memory), size},
		{"storage", int64(capacity.Storage), int64(taken.Storage), int64(one.Storage), size},
	}
	var worst *sla.Refusal
	fewest := int64(count)
	for _, limit := range limits {
		if limit.total == 0 || limit.one == 0 {
			continue
		}
		free := max(0, limit.total-limit.gone)
		if fit := free / limit.one; fit < fewest {
			fewest = fit
			worst = refusalf(sla.RefusedCapacity, "%s %s %s, %s are free", needs(count), limit.show(limit.one*int64(count)),
				limit.what, limit.show(free))
			if fit > 0 {
				worst.Hint = fmt.Sprintf("would do %d", fit)
			}
		}
	}
	return worst
}

func needs(count int) string {
	if count == 1 {
		return "1 needs"
	}
	return fmt.Sprintf("%d need", count)
}

func number(value int64) string { return fmt.Sprint(value) }

// summary makes one refusal of those of all classes. Their code is kept if they agree.
func summary(refusals map[string]sla.Refusal) *sla.Refusal {
	whole := sla.Refusal{}
	parts := make([]string, 0, len(refusals))
	for _, name := range slices.Sorted(maps.Keys(refusals)) {
		refusal := refusals[name]
		if whole.Code == "" || whole.Code == refusal.Code {
			whole.Code = refusal.Code
		} else {
			whole.Code = sla.RefusedUnsupported
		}
		parts = append(parts, name+": "+refusal.Error())
	}
	whole.Message = strings.Join(parts, "; ")
	return &whole
}

// saveOffers writes fresh offers down in batches, off the way of the replies.
func (a *Agent) saveOffers(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.fresh:
		}
		a.saveFresh(ctx)
	}
}
