package deployer_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// broker agrees with vendors for the tests and ends their agreements when the deployer asks for it.
type broker struct {
	t    testing.TB
	peer *bus.Peer

	mutex      sync.Mutex
	agreements map[string][]sla.Agreement // by deployment
	// script may answer a cancellation otherwise than with the agreements' ends.
	script func(message proto.Message) (answer proto.Message, is bool)
}

func startBroker(t testing.TB, peer *bus.Peer) *broker {
	t.Helper()
	b := &broker{t: t, peer: peer, agreements: map[string][]sla.Agreement{}}
	service, err := peer.Serve(context.Background(), bus.Endpoint{
		Name: "command", Subject: proto.SubjectBrokerCommand, Handle: b.cancel,
		Accepts: map[proto.Performative][]proto.Role{proto.Cancel: {proto.RoleDeployer}},
	})
	must(t, err)
	t.Cleanup(func() { must(t, service.Close()) })
	return b
}

// agree makes agreements with the vendors of the classes and returns what is to be deployed under them.
func (b *broker) agree(application descriptors.Application, vendors map[string]string) descriptors.Deployment {
	b.t.Helper()
	deployment := descriptors.Deployment{
		ID: ulid.Make().String(), Name: application.Name, Application: application.Name, Call: ulid.Make().String(),
		Created: time.Now().UTC(), Currency: "EUR", OnFailure: descriptors.RollBack,
		Resources: map[string]descriptors.BoundClass{},
	}
	for _, vendor := range slices.Compact(slices.Sorted(maps.Values(vendors))) {
		part := application
		part.Resources = maps.Clone(application.Resources)
		maps.DeleteFunc(part.Resources, func(class string, _ descriptors.Class) bool { return vendors[class] != vendor })
		agreement := b.contract(vendor, deployment.ID, descriptors.Call(part, deployment.Call, 1, time.Now().Add(patience)))
		for class, offer := range agreement.Classes {
			deployment.Resources[class] = descriptors.BoundClass{
				Class: application.Resources[class], Vendor: vendor, Agreement: agreement.ID, Price: offer.Unit,
			}
		}
		b.mutex.Lock()
		b.agreements[deployment.ID] = append(b.agreements[deployment.ID], agreement)
		b.mutex.Unlock()
	}
	return deployment
}

// contract accepts what a vendor proposes.
func (b *broker) contract(vendor, deployment string, call descriptors.CallForProposals) sla.Agreement {
	b.t.Helper()
	message := proto.Message{
		Performative: proto.CallForProposal, Protocol: proto.ContractNet, Conversation: call.ID, Round: 1, ReplyBy: call.ReplyBy,
	}
	must(b.t, proto.Encode(&message, call))
	reply := <-b.peer.Gather(context.Background(), message, []string{proto.SubjectCall(vendor)}, time.Second)
	must(b.t, reply.Err)
	proposal, err := proto.Decode[sla.Proposal](reply.Message)
	must(b.t, err)
	if len(proposal.Refusals) > 0 {
		b.t.Fatalf("%s refuses %v", vendor, proposal.Refusals)
	}
	agreement := sla.Agreement{
		ID: ulid.Make().String(), Call: call.ID, Proposal: proposal.ID, Vendor: vendor, Deployment: deployment,
		Classes: proposal.Offers, State: sla.AgreementPending,
	}
	message = proto.Message{
		Performative: proto.AcceptProposal, Protocol: proto.ContractNet, Receiver: proto.Vendor(vendor), Command: agreement.ID,
	}
	must(b.t, proto.Encode(&message, proto.Acceptance{Agreement: agreement}))
	answer, err := b.peer.Ask(context.Background(), proto.SubjectCommand(vendor), message)
	must(b.t, err)
	agreement, err = proto.Decode[sla.Agreement](answer)
	must(b.t, err)
	return agreement
}

func (b *broker) onCancel(script func(proto.Message) (proto.Message, bool)) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.script = script
}

// cancel ends the agreements of a deployment.
func (b *broker) cancel(ctx context.Context, message proto.Message) proto.Message {
	content, err := proto.Decode[proto.Cancellation](message)
	if err != nil {
		return proto.Misunderstood(message, err)
	}
	b.mutex.Lock()
	script, agreements := b.script, b.agreements[content.Name]
	b.mutex.Unlock()
	if script != nil {
		if answer, is := script(message); is {
			return answer
		}
	}
	if len(content.Releases) > 0 {
		return b.release(ctx, message, content)
	}
	if len(agreements) == 0 {
		return proto.Refusing(message, proto.Failure, sla.Refusal{Code: sla.RefusedNotFound, Message: "no such deployment"})
	}
	for _, agreement := range agreements {
		if answer, ended := b.end(ctx, message, agreement, nil); !ended {
			return answer
		}
	}
	b.mutex.Lock()
	delete(b.agreements, content.Name)
	b.mutex.Unlock()
	return proto.Answer(message, proto.Inform, proto.AgreementList{})
}

// end has a vendor end an agreement, for some classes or altogether. Where it does not, the answer says so.
func (b *broker) end(
	ctx context.Context, message proto.Message, agreement sla.Agreement, classes []string,
) (answer proto.Message, ended bool) {
	ending := proto.Message{
		Performative: proto.Cancel, Protocol: proto.ContractNet, Receiver: proto.Vendor(agreement.Vendor),
		Command: ulid.Make().String(),
	}
	content := proto.Cancellation{Agreement: agreement.ID, Proposal: agreement.Proposal, Classes: classes}
	if err := proto.Encode(&ending, content); err != nil {
		return proto.Misunderstood(message, err), false
	}
	answer, err := b.peer.Ask(ctx, proto.SubjectCommand(agreement.Vendor), ending)
	if err != nil {
		return message.Reply(proto.Agree), false
	}
	if refusal, refused := proto.AsRefusal(answer); refused {
		return proto.Refusing(message, proto.Failure, refusal), false
	}
	return answer, true
}

// release ends agreements for the classes that the deployer says it does not need them for. Unlike the real broker it does
// not look whether that is so.
func (b *broker) release(ctx context.Context, message proto.Message, content proto.Cancellation) proto.Message {
	b.mutex.Lock()
	agreements := slices.Clone(b.agreements[content.Name])
	b.mutex.Unlock()
	var left []sla.Agreement
	for _, agreement := range agreements {
		if classes := content.Releases[agreement.ID]; len(classes) > 0 {
			if answer, ended := b.end(ctx, message, agreement, classes); !ended {
				return answer
			}
			agreement.Classes = maps.Clone(agreement.Classes)
			for _, class := range classes {
				delete(agreement.Classes, class)
			}
		}
		if len(agreement.Classes) > 0 {
			left = append(left, agreement)
		}
	}
	b.mutex.Lock()
	b.agreements[content.Name] = left
	b.mutex.Unlock()
	return proto.Answer(message, proto.Inform, proto.AgreementList{Agreements: left})
}

// change agrees on what becomes of a deployment: on some classes anew, the others go on under the agreements they have.
func (b *broker) change(from descriptors.Deployment, wanted descriptors.Application, vendor string, anew ...string) descriptors.Deployment {
	b.t.Helper()
	changed := from
	changed.Revision, changed.Call, changed.Resources = from.Revision+1, ulid.Make().String(), map[string]descriptors.BoundClass{}
	for name, class := range wanted.Resources {
		bound := from.Resources[name]
		bound.Class = class
		changed.Resources[name] = bound
	}
	if len(anew) == 0 {
		return changed
	}
	call := descriptors.Call(wanted, changed.Call, 1, time.Now().Add(patience))
	call.Deployment = from.ID
	maps.DeleteFunc(call.Classes, func(class string, _ descriptors.Class) bool { return !slices.Contains(anew, class) })
	agreement := b.contract(vendor, from.ID, call)
	for name, offer := range agreement.Classes {
		changed.Resources[name] = descriptors.BoundClass{
			Class: wanted.Resources[name], Vendor: vendor, Agreement: agreement.ID, Price: offer.Unit,
		}
	}
	b.mutex.Lock()
	b.agreements[from.ID] = append(b.agreements[from.ID], agreement)
	b.mutex.Unlock()
	return changed
}

// holds are the classes that agreements of a deployment stand for, each with its agreement, sorted.
func (b *broker) holds(deployment string) (held []string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, agreement := range b.agreements[deployment] {
		for class := range agreement.Classes {
			held = append(held, class+" "+agreement.ID)
		}
	}
	slices.Sort(held)
	return held
}

// agreed says how many agreements stand.
func (b *broker) agreed() int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return len(b.agreements)
}

// application reads one from YAML.
func application(t testing.TB, source string) descriptors.Application {
	t.Helper()
	read, err := descriptors.ReadApplication("test.yaml", []byte(source))
	must(t, err)
	return read
}

// webshop is a database with a volume, machines behind a balancer, and a network.
const webshop = `
name: webshop
resources:
  lan:   { type: network, private: true, range: 10.0.0.0/24, members: [web, db, front] }
  data:  { type: volume, size: 2GiB }
  db:    { type: compute, image: shell, volumes: { data: /var/lib/db }, run: ["print in ${lan.range} on ${data.size}"] }
  web:   { type: cluster, image: shell, count: 2..4, run: ["print db ${db.address} ${db.name}"] }
  front: { type: load-balancer, targets: web, listen: 8080 }
`

// webshopNames are the names of what a webshop consists of.
const webshopNames = "data db-1 front lan web-1 web-2"

// webshop agrees about one at a single vendor.
func (h *house) webshop() descriptors.Deployment {
	h.t.Helper()
	return h.agree(webshop, "")
}

// agree agrees about an application at the vendors of its classes, or at the only one.
func (h *house) agree(source, only string, elsewhere ...string) descriptors.Deployment {
	h.t.Helper()
	read := application(h.t, source)
	if only == "" {
		only = slices.Sorted(maps.Keys(h.vendors))[0]
	}
	vendors := map[string]string{}
	for class := range read.Resources {
		vendors[class] = only
	}
	for i := 0; i+1 < len(elsewhere); i += 2 {
		vendors[elsewhere[i]] = elsewhere[i+1]
	}
	return h.broker.agree(read, vendors)
}
