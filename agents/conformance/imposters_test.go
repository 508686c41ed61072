package conformance_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/agents/conformance"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

const (
	someCommand = "create, list, delete"
	allRights   = "it tries nothing on the bus that it may not"
	soundEvents = "events are signed, whole, and on subjects of its own"
)

// changed is an answer with its content changed.
func changed[C proto.Content](answer proto.Message, change func(*C)) proto.Message {
	content, err := proto.Decode[C](answer)
	if err != nil {
		return answer // a refusal
	}
	change(&content)
	if proto.Encode(&answer, content) != nil {
		return proto.Message{}
	}
	return answer
}

type exchange = func(proto.Message) proto.Message

// on spoils the messages of one performative.
func on(performative proto.Performative, spoil func(*imposter, proto.Message, exchange) proto.Message) spoiling {
	return spoiling{message: func(i *imposter, message proto.Message, forward func(proto.Message) proto.Message) proto.Message {
		if message.Performative != performative {
			return forward(message)
		}
		return spoil(i, message, forward)
	}}
}

// onCounter spoils the answers to counter-offers.
func onCounter(spoil func(*imposter, *sla.Proposal)) spoiling {
	return on(proto.CallForProposal, func(i *imposter, message proto.Message, forward exchange) proto.Message {
		call, err := proto.Decode[descriptors.CallForProposals](message)
		if err != nil || call.Counter == nil {
			return forward(message)
		}
		return changed(forward(message), func(proposal *sla.Proposal) { spoil(i, proposal) })
	})
}

// imposters are the ways in which a vendor agent may go wrong, each with the checks that must find out, after others that
// it passes.
var imposters = map[string]struct {
	spoiling
	passes, fails []string
}{
	"believes whoever writes": {
		spoiling: spoiling{credulous: true},
		fails: []string{
			"an unsigned message has no effect", "a message with another's signature has no effect", "a message with an altered body has no effect",
			"a message to another receiver has no effect", "an expired message has no effect and is refused", "a message that comes again has no effect",
		},
	},
	"forgets what it has proposed": {
		spoiling: on(proto.CallForProposal, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			return changed(forward(message), func(proposal *sla.Proposal) { proposal.ID = ulid.Make().String() })
		}),
		passes: []string{"a call is answered with a proposal"},
		fails:  []string{"the same call gets the same proposal", "the same call at the same time gets one proposal"},
	},
	"promises the same capacity to everybody": {
		spoiling: on(proto.CallForProposal, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			call := changed(message, func(call *descriptors.CallForProposals) { call.Advisory = true })
			return changed(forward(call), func(proposal *sla.Proposal) { proposal.Held = true })
		}),
		passes: []string{"a call is answered with a proposal"},
		fails:  []string{"no capacity is offered twice"},
	},
	"asks for more each time": {
		spoiling: onCounter(func(_ *imposter, proposal *sla.Proposal) {
			for class, offer := range proposal.Offers {
				offer.Unit.PerHour.Micros *= 2
				proposal.Offers[class] = offer
			}
		}),
		passes: []string{"another round gets another proposal"},
		fails:  []string{"a counter-offer never makes an offer worse"},
	},
	"makes up a proposal each time it is asked": {
		spoiling: onCounter(func(_ *imposter, proposal *sla.Proposal) { proposal.ID = ulid.Make().String() }),
		passes:   []string{"the same call gets the same proposal"},
		fails:    []string{"the same counter-offer is answered the same"},
	},
	"takes counter-offers for calls": {
		spoiling: on(proto.CallForProposal, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			return forward(changed(message, func(call *descriptors.CallForProposals) { call.Counter = nil }))
		}),
		passes: []string{"another round gets another proposal"},
		fails: []string{
			"a counter-offer never makes an offer worse", "only the proposal of the last round is accepted",
			"a counter-offer to no proposal is refused",
		},
	},
	"answers in another conversation": {
		spoiling: on(proto.CallForProposal, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			answer := forward(message)
			answer.Conversation = "another"
			return answer
		}),
		fails: []string{"an answer belongs to its question"},
	},
	"answers another call": {
		spoiling: on(proto.CallForProposal, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			return changed(forward(message), func(proposal *sla.Proposal) { proposal.Call = ulid.Make().String() })
		}),
		fails: []string{"a call is answered with a proposal"},
	},
	"knows nothing of pages": {
		spoiling: on(proto.QueryRef, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			return forward(changed(message, func(question *proto.Question) { question.Page = nil }))
		}),
		passes: []string{someCommand},
		fails:  []string{"a list comes in pages"},
	},
	"counts its pages": {
		spoiling: on(proto.QueryRef, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			question, err := proto.Decode[proto.Question](message)
			if err != nil || question.Page == nil {
				return forward(message)
			}
			number, _ := strconv.Atoi(question.Page.After)
			whole := changed(message, func(question *proto.Question) { question.Page = nil })
			return changed(forward(whole), func(list *proto.ResourceList) {
				list.Resources = list.Resources[min(number, len(list.Resources)):]
				if len(list.Resources) > 1 {
					list.Resources, list.Next = list.Resources[:1], strconv.Itoa(number+1)
				}
			})
		}),
		passes: []string{"a list comes in pages"},
		fails:  []string{"pages lack nothing when something goes between them"},
	},
	"forgets what was cancelled": {
		spoiling: on(proto.Cancel, func(_ *imposter, message proto.Message, _ exchange) proto.Message {
			return proto.Answer(message, proto.Inform, sla.Agreement{State: sla.AgreementTerminated, Ended: time.Now()})
		}),
		fails: []string{"offered: cancel leaves a tombstone", "accept and cancel at the same time end in no agreement"},
	},
	"takes any terms": {
		spoiling: on(proto.AcceptProposal, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			acceptance, err := proto.Decode[proto.Acceptance](message)
			if answer := forward(message); err != nil || answer.Performative == proto.Inform {
				return answer
			}
			acceptance.Agreement.State, acceptance.Agreement.Agreed = sla.AgreementObserved, time.Now()
			return proto.Answer(message, proto.Inform, acceptance.Agreement)
		}),
		passes: []string{"offered: accept is observed"},
		fails:  []string{"offered: a lower price fails", "offered: a larger count fails", "unknown: accept fails", "observed: another agreement fails"},
	},
	"forgets the commands it was given": {
		spoiling: on(proto.Request, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			message.Command = ulid.Make().String()
			return forward(message)
		}),
		fails: []string{"a repeat of a command has the same outcome", someCommand},
	},
	"heeds no sequence": {
		spoiling: on(proto.Request, func(i *imposter, message proto.Message, forward exchange) proto.Message {
			if _, known := i.notes[message.Command]; !known {
				i.notes[message.Command] = message.Command
				message.Sequence += uint64(1000 * i.count)
			}
			return forward(message)
		}),
		passes: []string{someCommand},
		fails:  []string{"a sequence that is not above the last is refused"},
	},
	"doubles what it creates": {
		spoiling: on(proto.QueryRef, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			return changed(forward(message), func(list *proto.ResourceList) {
				list.Resources = slices.Concat(list.Resources, list.Resources)
			})
		}),
		fails: []string{someCommand, "copies of a create at the same time create once"},
	},
	"says nothing of how commands end": {
		spoiling: spoiling{silent: true},
		passes:   []string{someCommand},
		fails:    []string{"the end of a command is told", soundEvents},
	},
	"tells what nobody signed": {
		spoiling: spoiling{once: func(i *imposter) {
			i.spoil.message = func(i *imposter, message proto.Message, forward func(proto.Message) proto.Message) proto.Message {
				_ = i.connection.Publish("evt."+vendorName+".command.done", []byte("{}"))
				return forward(message)
			}
		}},
		passes: []string{someCommand},
		fails:  []string{soundEvents},
	},
	"ends the whole for a part": {
		spoiling: on(proto.Cancel, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			return forward(changed(message, func(cancellation *proto.Cancellation) { cancellation.Classes = nil }))
		}),
		passes: []string{"observed: cancel terminates"},
		fails:  []string{"an agreement ends for some of its classes"},
	},
	"leaves everything under its first agreement": {
		spoiling: on(proto.Request, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			command, err := proto.Decode[proto.ResourceCommand](message)
			if err != nil || command.Verb != proto.VerbRebind && command.Verb != proto.VerbResize {
				return forward(message)
			}
			return changed(forward(message), func(outcome *proto.Outcome) {
				if outcome.Resource != nil {
					outcome.Resource.Agreement = "the first"
				}
			})
		}),
		passes: []string{someCommand},
		fails:  []string{"a resource goes on under another agreement", "what stands is given another size, or that is refused"},
	},
	"loses copies": {
		spoiling: on(proto.QueryRef, func(_ *imposter, message proto.Message, forward exchange) proto.Message {
			return changed(forward(message), func(list *proto.ResourceList) {
				list.Resources = slices.DeleteFunc(list.Resources, func(one proto.ResourceStatus) bool { return one.Copy != nil })
			})
		}),
		passes: []string{someCommand},
		fails:  []string{"a copy outlives its source and its agreement, or is refused"},
	},
	"gives orders to others": {
		spoiling: spoiling{once: func(i *imposter) { must(i.t, i.connection.Publish("broker.command", nil)) }},
		passes:   []string{someCommand},
		fails:    []string{allRights},
	},
	"listens to others": {
		spoiling: spoiling{once: func(i *imposter) {
			_, err := i.connection.SubscribeSync("vendor.*.cfp")
			must(i.t, err)
		}},
		passes: []string{someCommand},
		fails:  []string{allRights},
	},
}

// TestImpostersAreFoundOut puts agents through the checks that each go wrong in one way.
func TestImpostersAreFoundOut(t *testing.T) {
	for name, one := range imposters {
		t.Run(name, func(t *testing.T) {
			imposter := newImposter(t, one.spoiling)
			report := run(t, conformance.Options{
				Bench: imposter.bench, Only: slices.Concat(one.passes, one.fails), Patience: 5 * time.Second, CommandPatience: 10 * time.Second,
			})
			for _, check := range report.Checks {
				want := conformance.Passed
				if slices.Contains(one.fails, check.Name) {
					want = conformance.Failed
				}
				if check.Result != want {
					t.Errorf("%s: %s, want %s: %s", check.Name, check.Result, want, check.Reason)
				}
			}
		})
	}
}

// TestAnAgentThatForgetsIsFoundOut restarts one without its records.
func TestAnAgentThatForgetsIsFoundOut(t *testing.T) {
	bench := openBench(t)
	agent := newHouse(t, bench.Credentials(), inMemory())
	report := run(t, conformance.Options{
		Bench: bench, Only: []string{"what was agreed and done survives a restart"},
		Restart: func(ctx context.Context) error {
			agent.directory = t.TempDir()
			return agent.restart(ctx)
		},
	})
	if report.Failed != 1 {
		t.Errorf("%d checks failed", report.Failed)
	}
}
