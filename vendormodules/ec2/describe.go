package ec2

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/remote"
)

// Describe implements vendormodules.Module.
func (m *Module) Describe() vendormodules.Description {
	fields := credentialFields()
	credentials := map[descriptors.ResourceType][]vendormodules.CredentialField{}
	for _, kind := range m.configuration.Types {
		credentials[kind] = fields
	}
	description := vendormodules.Description{
		Kind: kindName, Version: version, Region: m.configuration.Region, Country: m.configuration.Country,
		Types: slices.Clone(m.configuration.Types), Images: m.configuration.Images.Names(),
		Isolation: m.isolates(), CreateToken: m.configuration.ClientTokens, Settle: m.configuration.Settle, Credentials: credentials,
		Public: map[descriptors.ResourceType][]sla.Public{
			descriptors.Compute: m.configuration.ElasticAddresses.public(), descriptors.LoadBalancer: {sla.PublicAlways},
		},
		Notes: []string{
			"commands and files of a machine must fit 16 KiB compressed, which is what the cloud takes",
		},
	}
	if why := m.configuration.absence(balancing); why != "" {
		description.Notes = append(description.Notes, "no load-balancer and no set-targets: "+why)
	}
	if why := m.configuration.absence(monitoring); why != "" {
		description.Notes = append(description.Notes, "of machines the time since their start alone is measured: "+why)
	}
	currency := priceCurrency(m.configuration.Region)
	switch said := m.configuration.Prices.Currency; {
	case m.configuration.absence(priceList) != "":
		description.Notes = append(description.Notes, "prices are the configuration's")
	case said != currency:
		description.Notes = append(description.Notes,
			fmt.Sprintf("prices are the configuration's: they are in %s, and the cloud tells its own in %s", said, currency))
	}
	if !m.configuration.SSH {
		description.Notes = slices.Insert(description.Notes, 0, remote.Closed)
	}
	if !m.configuration.EnforceRules {
		description.Notes = append(description.Notes, "no rules: machines are in the security groups that the configuration names")
	}
	for _, name := range slices.Sorted(maps.Keys(m.lacks.before)) {
		description.Notes = append(description.Notes, fmt.Sprintf("no %s: %s", name, m.lacks.before[name]))
	}
	return description
}

// isolates says whether machines are kept apart from others', as far as was known when the module was opened.
func (m *Module) isolates() bool { return m.lacks.before[rules] == "" }

// balances says whether the module creates load balancers.
func (m *Module) balances() bool {
	return slices.Contains(m.configuration.Types, descriptors.LoadBalancer) && m.lacking(balancers) == ""
}

// Abilities implements vendormodules.Wrapper: what the configuration offers no type for, or what the cloud was known to
// lack when the module was opened, the module is not able to do.
func (m *Module) Abilities() vendormodules.Abilities {
	all := vendormodules.Abilities{Meter: m, Catalogue: m, Credentials: m}
	if m.configuration.SSH {
		all.Executor, all.Files = m.access, m.access
	}
	has := func(name string) bool { return m.lacks.before[name] == "" }
	if has(power) {
		all.Power = m
	}
	if has(attaching) && has(volumes) {
		all.Attacher = m
	}
	if has(console) {
		all.Console = m
	}
	if has(snapshots) && has(volumes) {
		all.Snapshotter = m
	}
	if has(copying) {
		all.Imager = m
	}
	if has(resizing) {
		all.Resizer = m
	}
	if slices.Contains(m.configuration.Types, descriptors.LoadBalancer) {
		all.Balancer = m
	}
	return all
}
