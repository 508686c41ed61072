package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// Options say what to try, and how.
type Options struct {
	Bench *Bench
	// Restart ends the vendor agent, the harder the better, and starts it anew. Without it nothing is said about what
	// survives.
	Restart func(context.Context) error
	// Class to ask for; by default a small one of what the vendor says that it has.
	Class *descriptors.Class
	// Arrival bounds the wait for the agent to be there; a minute by default.
	Arrival time.Duration
	// Patience bounds the wait for one answer; 10 s by default. CommandPatience bounds the wait for a command's end; 2 minutes by
	// default. Expiry bounds the wait for an offer to run out; 30 s by default.
	Patience, CommandPatience, Expiry time.Duration
	// Quiet is how long an answer is waited for that must not come; 300 ms by default.
	Quiet time.Duration
	// Only names the checks to run; all by default.
	Only []string
	// Log of those who try the vendor; nothing by default.
	Log *zap.Logger
}

// check is one thing to look at.
type check struct {
	name, section string
	run           func(*trial)
}

func checks() []check {
	return slices.Concat(
		presenceChecks(), envelopeChecks(), roleChecks(), callChecks(), counterChecks(), acceptanceChecks(), cancellationChecks(), admissionChecks(),
		commandChecks(), changeChecks(), questionChecks(), secretChecks(), restartChecks(), eventChecks(), closingChecks(),
	)
}

// suite is what the checks of one run share.
type suite struct {
	Options
	name                     string
	broker, deployer, client *bus.Peer
	forger                   *forger
	listener                 *listener
	began                    time.Time
	status                   proto.VendorStatus
	// lapsing is an offer made at the beginning, to have run out at the end.
	lapsing *sla.Proposal
}

// Run waits for the vendor's agent and puts it through every check, each of which report gets as soon as it is done.
// The error is about the run itself, or says that the agent never came; what the agent does wrong is in the Report.
func Run(ctx context.Context, options Options, report func(Check)) (result Report, err error) {
	if options.Bench == nil {
		return Report{}, errors.New("conformance: a bench is required")
	}
	options.setDefaults()
	chosen, err := options.chosen()
	if err != nil {
		return Report{}, err
	}
	s := &suite{Options: options, name: options.Bench.vendor.Name, began: time.Now()}
	result = Report{Vendor: s.name, Partial: len(options.Only) > 0}
	leave, err := s.enter(ctx)
	if err != nil {
		return result, errors.Join(err, leave())
	}
	defer func() { err = errors.Join(err, leave()) }()
	if s.status, err = s.await(ctx); err != nil {
		return result, err
	}
	s.offerEarly(ctx)
	for _, one := range chosen {
		done := s.try(ctx, one)
		if ctx.Err() != nil {
			return result, ctx.Err() // which says nothing about the check
		}
		result.add(done)
		report(done)
	}
	return result, nil
}

func (o *Options) setDefaults() {
	for _, one := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&o.Arrival, time.Minute}, {&o.Patience, 10 * time.Second}, {&o.CommandPatience, 2 * time.Minute},
		{&o.Expiry, 30 * time.Second}, {&o.Quiet, 300 * time.Millisecond},
	} {
		if *one.value <= 0 {
			*one.value = one.standard
		}
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
}

// chosen are the checks to run.
func (o *Options) chosen() ([]check, error) {
	all := checks()
	if len(o.Only) == 0 {
		return all, nil
	}
	var chosen []check
	for _, name := range o.Only {
		at := slices.IndexFunc(all, func(one check) bool { return one.name == name })
		if at < 0 {
			nearest, _ := descriptors.Nearest(name, Names())
			return nil, fmt.Errorf("there is no check %q; the nearest is %q", name, nearest)
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}

// enter connects everybody who tries the vendor. What it returns takes them away again, also after an error.
func (s *suite) enter(ctx context.Context) (leave func() error, err error) {
	var open []func() error
	leave = func() (err error) {
		for _, one := range slices.Backward(open) {
			err = errors.Join(err, one())
		}
		return err
	}
	for identity, peer := range map[proto.Identity]**bus.Peer{broker: &s.broker, deployer: &s.deployer, client: &s.client} {
		connected, err := bus.Connect(ctx, bus.Options{
			Server: s.Bench.server, Credentials: s.Bench.credentials[identity], Log: s.Log.Named(identity.String()),
		})
		if err != nil {
			return leave, err
		}
		*peer = connected
		open = append(open, connected.Close)
	}
	// Whoever does not know a sender asks the broker for a newer register.
	service, err := s.broker.Serve(ctx, bus.Endpoint{
		Name: "query", Subject: proto.SubjectBrokerQuery,
		Handle: func(_ context.Context, message proto.Message) proto.Message {
			return proto.Refusing(message, proto.Refuse, sla.Refusal{Code: sla.RefusedNotFound, Message: "this is a bench"})
		},
		Accepts: map[proto.Performative][]proto.Role{proto.QueryRef: {proto.RoleVendor}},
	})
	if err != nil {
		return leave, err
	}
	open = append(open, service.Close)
	if s.forger, err = newForger(s.Bench); err != nil {
		return leave, err
	}
	open = append(open, s.forger.close)
	if s.listener, err = newListener(s.Bench); err != nil {
		return leave, err
	}
	open = append(open, s.listener.close)
	return leave, nil
}

// arrivalStep is the time between two looks whether the agent is there, arrivalWithin how long one may take: what an
// agent was asked that was killed meanwhile is not answered.
const (
	arrivalStep   = 100 * time.Millisecond
	arrivalWithin = time.Second
)

// await returns what the agent says of itself as soon as it does.
func (s *suite) await(ctx context.Context) (proto.VendorStatus, error) {
	var status proto.VendorStatus
	ctx, cancel := context.WithTimeout(ctx, s.Arrival)
	defer cancel()
	ticker := time.NewTicker(arrivalStep)
	defer ticker.Stop()
	for {
		message := proto.Message{Performative: proto.QueryRef, Protocol: proto.QueryProtocol}
		if err := proto.Encode(&message, proto.Question{Topic: proto.TopicVendor}); err != nil {
			return status, err
		}
		asking, cancel := context.WithTimeout(ctx, arrivalWithin)
		answer, err := s.client.Ask(asking, proto.SubjectQuery(s.name), message)
		cancel()
		if err == nil && answer.Performative == proto.Inform {
			status, err = proto.Decode[proto.VendorStatus](answer)
			if err == nil && status.Description != nil {
				return status, nil
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return status, fmt.Errorf("%s did not say what it is within %s: %w", s.name, s.Arrival, reason(answer, err))
		}
	}
}

// reason is why there is no content in an answer.
func reason(answer proto.Message, err error) error {
	if refusal, refused := proto.AsRefusal(answer); err == nil && refused {
		return fmt.Errorf("answered %s: %w", answer.Performative, refusal)
	}
	if err == nil {
		return fmt.Errorf("answered %s without a vendor-status", answer.Performative)
	}
	return err
}

// offerEarly has an offer made that will have run out at the end.
func (s *suite) offerEarly(ctx context.Context) {
	_ = s.try(ctx, check{run: func(t *trial) {
		proposal := t.propose(t.machines(1))
		s.lapsing = &proposal
		t.proposals = nil // not to be cancelled
	}})
}

// cleanWithin bounds the taking back of what one check began.
const cleanWithin = 30 * time.Second

// try runs one check, and takes back whatever it began.
func (s *suite) try(ctx context.Context, one check) Check {
	began := time.Now()
	t := &trial{ctx: ctx, suite: s, sequences: map[proto.ResourceRef]uint64{}}
	result, why := t.attempt(one.run)
	// What was begun is taken back also when nobody wants to know any more.
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanWithin)
	defer cancel()
	t.ctx = clean
	if left := t.clean(); left != "" && result == Passed {
		result, why = Failed, left
	}
	return Check{
		Name: one.name, Section: one.section, Result: result, Reason: strings.TrimSpace(why),
		Took: quantity.Duration(time.Since(began).Round(time.Millisecond)),
	}
}
