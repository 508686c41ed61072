package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/proto"
)

// agency looks at the one that runs. That none does is wrong only where the person has named one.
func (c *checkup) agency(ctx context.Context, running connection, reached error, explicit bool) {
	state := checkWatch
	if explicit {
		state = checkWrong
	}
	if reached != nil {
		c.failed(state, "bus", "", reached)
		return
	}
	began := c.session.now()
	peer, err := dial(ctx, running, zap.NewNop())
	if err != nil {
		c.failed(checkWrong, "bus", "", err)
		return
	}
	defer func() { _ = peer.Close() }()
	c.document.Running = true
	c.fine("bus", "", "%s answers (%s), as %s", running.URL, present.Span(c.session.now().Sub(began)), peer.Identity())
	agency := client.New(peer)
	c.register(ctx, agency, running)
	for _, role := range []proto.Role{proto.RoleBroker, proto.RoleDeployer, proto.RoleMonitor} {
		c.clock(ctx, agency, proto.Agent(role))
	}
	c.vendors(ctx, agency)
}

// failed notes an error that knows the way out.
func (c *checkup) failed(state checkState, area, about string, err error) {
	hint := ""
	var known *client.Error
	if errors.As(err, &known) {
		hint = known.Hint
	}
	c.note(state, area, about, hint, "%s", firstLine(err))
}

// register compares who the broker thinks may act with who was enrolled.
func (c *checkup) register(ctx context.Context, agency *client.Client, running connection) {
	const area = "register"
	credentials, err := bus.LoadCredentials(running.Credentials)
	if err != nil {
		c.failed(checkWrong, area, "", err)
		return
	}
	signed, err := agency.Register(ctx)
	if err != nil {
		c.failed(checkWrong, area, "", err)
		return
	}
	register, err := signed.Open(credentials.Account)
	if err != nil {
		c.note(checkWrong, area, "", "these credentials are of another agency; `agency enrol client NAME` makes new ones",
			"the broker's register does not verify: %s", err)
		return
	}
	revoked := 0
	for _, entry := range register.Entries {
		if !entry.Revoked.IsZero() {
			revoked++
		}
	}
	c.fine(area, "", "version %d, %s, %d revoked", register.Version, present.Count(len(register.Entries), "agent"), revoked)
	c.enrolled(register)
}

// enrolled compares the register in use with the one that the keys are beside, and with the configuration.
func (c *checkup) enrolled(register proto.Register) {
	const area = "register"
	if directory := filepath.Join(c.data, "authority"); isDirectory(directory) {
		authority, err := bus.OpenAuthority(directory)
		if err != nil {
			c.note(checkWrong, area, "", "put a backup of "+directory+" in its place", "the agency's keys cannot be read: %s", err)
			return
		}
		signed, err := authority.Register()
		own, failed := signed.Open(authority.Account())
		if err == nil && failed == nil && own.Agency == register.Agency && own.Version != register.Version {
			c.note(checkWatch, area, "", "it is told of the next one who is enrolled; a restart of `agency up` helps too",
				"the broker has version %d, beside the keys is version %d", register.Version, own.Version)
		}
	}
	if c.settings.file == "default" {
		return
	}
	for name := range c.settings.Vendors {
		if !slices.Contains(register.Vendors(), name) {
			c.note(checkWatch, area, name, "restart `agency up` with this configuration", "is in the configuration and not in the agency that runs")
		}
	}
}

func isDirectory(name string) bool {
	information, err := os.Stat(name)
	return err == nil && information.IsDir()
}

// clock asks an agent what time it is, which also shows whether it answers.
func (c *checkup) clock(ctx context.Context, agency *client.Client, agent proto.Identity) {
	clock, err := agency.Clock(ctx, agent, c.session.now)
	if err != nil {
		c.failed(checkWrong, "agent", agent.String(), err)
		return
	}
	c.fine("agent", agent.String(), "answers in %s", present.Span(clock.RoundTrip.Round(10*time.Microsecond)))
	c.judgeClock(clock)
}

// scarceSkew is from when on a clock is worth a warning: a quarter of what agents bear.
const scarceSkew = proto.ClockSkew / 4

// judgeClock compares a clock with what agents bear. What the way there and back may have taken is in its favour.
func (c *checkup) judgeClock(clock client.Clock) {
	off := max(clock.Ahead.Abs()-clock.RoundTrip/2, 0)
	direction := "ahead of"
	if clock.Ahead < 0 {
		direction = "behind"
	}
	const hint = "have both machines keep time by the network: timedatectl set-ntp true"
	switch {
	case off > proto.ClockSkew:
		c.note(checkWrong, "clock", clock.Agent, hint, "%s %s the clock here; from %s on messages are refused",
			present.Span(off), direction, present.Span(proto.ClockSkew))
	case off > scarceSkew:
		c.note(checkWatch, "clock", clock.Agent, hint, "%s %s the clock here; %s are borne", present.Span(off), direction, present.Span(proto.ClockSkew))
	default:
		c.fine("clock", clock.Agent, "as the clock here")
	}
}

// vendors looks at each vendor: is it there, does its cloud answer, do its credentials work, what would it offer.
func (c *checkup) vendors(ctx context.Context, agency *client.Client) {
	vendors, err := agency.Vendors(ctx)
	if err != nil {
		c.failed(checkWrong, "vendor", "", err)
		return
	}
	if len(vendors) == 0 {
		c.note(checkWatch, "vendor", "", "`agency enrol vendor NAME` enrols one, `agency vendor NAME` runs it", "none is enrolled, so that nobody bids")
		return
	}
	var there []proto.VendorStatus
	for _, vendor := range vendors {
		if c.vendor(vendor) {
			there = append(there, vendor)
			c.clock(ctx, agency, proto.Vendor(vendor.Name))
			c.credentials(ctx, agency, vendor.Name)
		}
	}
	c.offers(ctx, agency, there)
}

// vendor judges what the broker heard of a vendor, and says whether it is there.
func (c *checkup) vendor(vendor proto.VendorStatus) bool {
	switch {
	case !vendor.Present:
		c.note(checkWrong, "vendor", vendor.Name, "start it: `agency vendor "+vendor.Name+"`, or the agency it is part of", "does not answer")
	case vendor.Fault != "":
		c.note(checkWrong, "vendor", vendor.Name, "`agency logs "+vendor.Name+"` tells more", "%s", vendor.Fault)
	default:
		kind := "answers"
		if vendor.Description != nil {
			kind = strings.TrimSpace(vendor.Description.Kind + " " + vendor.Description.Region + " " + vendor.Description.Country)
		}
		c.fine("vendor", vendor.Name, "%s", kind)
	}
	if vendor.Quarantined > 0 {
		c.note(checkWatch, "quarantine", vendor.Name, "`agency resources` shows them; delete at the vendor what nobody needs",
			"%s of this agency in no record; never touched, and may cost", present.Count(vendor.Quarantined, "resource"))
	}
	return vendor.Present
}

func (c *checkup) credentials(ctx context.Context, agency *client.Client, vendor string) {
	report, err := agency.CheckCredentials(ctx, vendor)
	if err != nil {
		c.failed(checkWatch, "credentials", vendor, err)
		return
	}
	faults := faultsOf(report)
	for _, fault := range faults {
		c.note(checkWrong, "credentials", vendor, fault.hint, "%s", fault.message)
	}
	works, untried := 0, 0
	for _, check := range report.Checks {
		switch check.State {
		case proto.CredentialWorks:
			works++
		case proto.CredentialUntried:
			untried++
		case proto.CredentialRefused, proto.CredentialIncomplete:
		}
	}
	switch {
	case len(faults) > 0:
	case len(report.Needs) == 0 && works == 0:
		c.fine("credentials", vendor, "needs none")
	case untried > 0:
		c.note(checkWatch, "credentials", vendor, "", "%d stored, %d of them could not be tried", len(report.Checks), untried)
	default:
		c.fine("credentials", vendor, "%d stored, all of them work", works)
	}
}
