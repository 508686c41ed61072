package vendor_test

import (
	"context"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// order is a command to a resource.
type order struct {
	id       string
	sequence uint64
	proto.ResourceCommand
}

// orderFor is a command under an agreement, of an id of its own.
func orderFor(agreement sla.Agreement, verb proto.ResourceVerb, class string, sequence uint64) order {
	made := order{id: ulid.Make().String(), sequence: sequence}
	made.ResourceCommand = proto.ResourceCommand{
		Verb: verb, Agreement: agreement.ID, Name: class + "-1",
		Resource: proto.ResourceRef{Deployment: agreement.Deployment, Class: class, Index: 1, Generation: 1},
	}
	if verb == proto.VerbCreate || verb == proto.VerbPrepare {
		web := machine(exactly(1))
		made.Class = &web
	}
	return made
}

func (h *house) request(order order) proto.Message {
	h.t.Helper()
	made := message(h.t, proto.Request, order.id, order.ResourceCommand)
	made.Sequence = order.sequence
	return made
}

// tell gives a command once.
func (h *house) tell(order order) proto.Message {
	h.t.Helper()
	return h.ask(h.deployer, proto.SubjectCommand(vendorName), h.request(order))
}

// do gives a command and waits for its end.
func (h *house) do(order order) proto.Message {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := h.commands.Do(ctx, proto.SubjectCommand(vendorName), h.request(order))
	must(h.t, err)
	return answer
}

// done gives a command that must succeed.
func (h *house) done(order order) proto.ResourceStatus {
	h.t.Helper()
	outcome := content[proto.Outcome](h.t, h.do(order))
	if outcome.Resource == nil {
		return proto.ResourceStatus{}
	}
	return *outcome.Resource
}

// create makes a machine run under a new agreement.
func (h *house) create() (sla.Agreement, order, proto.ResourceStatus) {
	h.t.Helper()
	agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1))})
	create := orderFor(agreement, proto.VerbCreate, "web", 1)
	return agreement, create, h.done(create)
}
