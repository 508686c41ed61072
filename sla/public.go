package sla

import (
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
)

// Public says when an instance has a public address: one at which it is reached from outside of its networks.
type Public string

// When an instance has a public address.
const (
	PublicAlways Public = "always"
	PublicNever  Public = "never"
	PublicAlone  Public = "alone"        // when it is in no network
	PublicOpen   Public = "open-network" // when it is in a network that is not private
	PublicAsked  Public = "asked"        // when it is a balancer, has ports, or a rule of a network lets addresses in at it
)

// MayBePublic says whether instances of a class of an application may have a public address under the offer. They have
// none if the vendor says when they do, and nothing of that is so; a word that is not known here may be.
func (o Offer) MayBePublic(resources map[string]descriptors.Class, name string) bool {
	if len(o.Public) == 0 {
		return true
	}
	networks := descriptors.Networks(resources, name)
	return slices.ContainsFunc(o.Public, func(when Public) bool {
		switch when {
		case PublicNever:
			return false
		case PublicAlone:
			return len(networks) == 0
		case PublicOpen:
			return slices.ContainsFunc(networks, func(network string) bool { return !resources[network].Private })
		case PublicAsked:
			return asksForPublic(resources, name, networks)
		}
		return true
	})
}

// asksForPublic says whether a class is to be reached from outside of its networks.
func asksForPublic(resources map[string]descriptors.Class, name string, networks []string) bool {
	class := resources[name]
	outside := func(from string) bool { return from == descriptors.FromAnyone || strings.ContainsAny(from, "./") }
	return class.Type == descriptors.LoadBalancer || len(class.Ports) > 0 ||
		slices.ContainsFunc(networks, func(network string) bool {
			return slices.ContainsFunc(resources[network].Rules, func(rule descriptors.NetworkRule) bool {
				return rule.Admits(name) && slices.ContainsFunc(rule.From, outside)
			})
		})
}
