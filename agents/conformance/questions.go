package conformance

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules/services"
)

const (
	sectionQuestions = "Questions"
	sectionSecrets   = "Credentials"
)

func questionChecks() []check {
	return []check{
		{"a command can be asked about", sectionQuestions, asksCommand},
		{"an unknown command is not found", sectionQuestions, func(t *trial) {
			t.refused(t.question(proto.TopicCommand, ulid.Make().String()), proto.Refuse, sla.RefusedNotFound)
		}},
		{"measurements are of what is there", sectionQuestions, asksMeasurements},
		{"a list comes in pages", sectionQuestions, pages},
		{"pages lack nothing when something goes between them", sectionQuestions, pagesUnderChange},
		{"an unknown topic is not answered with an inform", sectionQuestions, func(t *trial) {
			if answer := t.question("weather", ""); answer.Performative != proto.NotUnderstood {
				t.refused(answer, proto.Refuse)
			}
		}},
	}
}

func asksCommand(t *trial) {
	agreement := t.agree()
	create, _ := t.created(agreement)
	told := t.outcome(t.tell(create), create)
	if asked := t.outcome(t.question(proto.TopicCommand, create.id), create); !reflect.DeepEqual(told, asked) {
		t.fail("asked about the command it says something else than to a repeat of it")
	}
}

func asksMeasurements(t *trial) {
	agreement := t.agree()
	create, _ := t.created(agreement)
	list := content[proto.SampleList](t, t.question(proto.TopicMeasure, agreement.Deployment), proto.Inform)
	for _, sample := range list.Samples {
		switch {
		case sample.Resource != create.command.Resource:
			t.fail("a sample is of %s %d of deployment %s", sample.Resource.Class, sample.Resource.Index, sample.Resource.Deployment)
		case sample.Vendor != t.name:
			t.fail("a sample is of vendor %q", sample.Vendor)
		}
		for _, measured := range sample.Measurements {
			if measured.Metric == "" || measured.At.IsZero() {
				t.fail("a measurement has no metric or no time")
			}
		}
	}
}

// several are created resources of one deployment.
func (t *trial) several(count int) sla.Agreement {
	agreement := t.observed(t.draft(t.propose(t.machines(count))))
	for index := range count {
		t.done(t.orderOf(agreement, proto.VerbCreate, index+1))
	}
	return agreement
}

// page asks for the shortest page of the resources of a deployment.
func (t *trial) page(deployment, after string) proto.ResourceList {
	asked := proto.Question{Topic: proto.TopicResources, Subject: deployment, Page: &proto.Page{After: after, Bytes: 1}}
	message := made(t, proto.QueryRef, proto.QueryProtocol, asked)
	list := content[proto.ResourceList](t, t.ask(t.deployer, proto.SubjectQuery(t.name), message), proto.Inform)
	if len(list.Resources) > 1 {
		t.fail("a page of at most 1 byte has %d resources, and not the one that there always is", len(list.Resources))
	}
	return list
}

// pagesFrom are the resources on all pages behind one.
func (t *trial) pagesFrom(deployment string, page proto.ResourceList) []proto.ResourceRef {
	var found []proto.ResourceRef
	for seen := map[string]bool{}; page.Next != ""; {
		if seen[page.Next] {
			t.fail("the pages go round in circles, at %q", page.Next)
		}
		seen[page.Next] = true
		page = t.page(deployment, page.Next)
		for _, resource := range page.Resources {
			found = append(found, resource.Ref)
		}
	}
	return found
}

func pages(t *trial) {
	const count = 3
	deployment := t.several(count).Deployment
	first := t.page(deployment, "")
	if len(first.Resources) == 0 {
		t.fail("the first page is empty, though there are %d resources", count)
	}
	rest := t.pagesFrom(deployment, first)
	for _, resource := range t.resources(deployment) {
		if listed := countOf(append(rest, first.Resources[0].Ref), resource.Ref); listed != 1 {
			t.fail("%s is on %d of the pages", resource.Name, listed)
		}
	}
}

func pagesUnderChange(t *trial) {
	const count = 3
	agreement := t.several(count)
	first := t.page(agreement.Deployment, "")
	if len(first.Resources) == 0 {
		t.fail("the first page is empty, though there are %d resources", count)
	}
	t.done(t.delete(agreement, first.Resources[0].Ref))
	rest := t.pagesFrom(agreement.Deployment, first)
	for _, resource := range t.resources(agreement.Deployment) {
		if listed := countOf(rest, resource.Ref); listed != 1 {
			t.fail("%s, which was there throughout, is on %d of the pages after the first", resource.Name, listed)
		}
	}
}

func countOf(all []proto.ResourceRef, wanted proto.ResourceRef) (times int) {
	for _, one := range all {
		if one == wanted {
			times++
		}
	}
	return times
}

func secretChecks() []check {
	return []check{
		{"a sealed credential is stored, listed and removed", sectionSecrets, storesCredential},
		{"a credential that does not open is not stored", sectionSecrets, badCredential},
		{"a credential for another vendor is refused", sectionSecrets, foreignCredential},
	}
}

// needed is a credential that the vendor wants, with values that open nothing.
func (t *trial) needed() []byte {
	values := map[string]string{}
	for _, fields := range t.status.Description.Credentials {
		for _, field := range fields {
			values[field.Name] = "opens-nothing"
		}
	}
	if len(values) == 0 {
		t.notApplicable("%s needs no credentials", t.name)
	}
	plain, err := json.Marshal(values)
	if err != nil {
		t.fail("%s", err)
	}
	return plain
}

func (t *trial) credential(command proto.CredentialCommand) proto.Message {
	message := made(t, proto.Request, proto.RequestProtocol, command)
	message.Command = ulid.Make().String()
	return t.ask(t.client, proto.SubjectCommand(t.name), message)
}

func (t *trial) scope() services.Scope { return services.Scope{Vendor: t.name, Class: "conformance"} }

func storesCredential(t *trial) {
	sealed, err := bus.SealTo(t.status.Sealing, t.needed())
	if err != nil {
		t.fail("%s", err)
	}
	t.inform(t.credential(proto.CredentialCommand{Scope: t.scope(), Sealed: sealed}))
	if !slices.Contains(t.vendorStatus().Credentials, t.scope()) {
		t.fail("stored and not among its credentials")
	}
	t.inform(t.credential(proto.CredentialCommand{Scope: t.scope(), Remove: true}))
	if slices.Contains(t.vendorStatus().Credentials, t.scope()) {
		t.fail("removed and still among its credentials")
	}
}

func badCredential(t *trial) {
	answer := t.credential(proto.CredentialCommand{Scope: t.scope(), Sealed: []byte("not a box at all")})
	if answer.Performative != proto.Refuse {
		t.refused(answer, proto.Failure)
	}
	if slices.Contains(t.vendorStatus().Credentials, t.scope()) {
		t.fail("refused and among its credentials")
	}
}

func foreignCredential(t *trial) {
	answer := t.credential(proto.CredentialCommand{Scope: services.Scope{Vendor: "another"}, Remove: true})
	if answer.Performative != proto.Failure {
		t.refused(answer, proto.Refuse)
	}
}

// restartChecks look at what survives.
func restartChecks() []check {
	return []check{
		{"what was agreed and done survives a restart", "What a vendor agent has to do", survives},
		{"a command under way at a restart comes to its end", sectionCommands, resumes},
	}
}

func (t *trial) restart() {
	if t.Restart == nil {
		t.notApplicable("no means to restart the agent were given")
	}
	if err := t.Restart(t.ctx); err != nil {
		t.fail("restart: %s", err)
	}
	if _, err := t.await(t.ctx); err != nil {
		t.fail("after a restart: %s", err)
	}
}

func survives(t *trial) {
	if t.Restart == nil {
		t.restart()
	}
	draft := t.draft(t.propose(t.machines(1)))
	agreement := t.observed(draft)
	create, created := t.created(agreement)
	before := t.outcome(t.tell(create), create)
	buried := t.unknown()
	t.ended(t.cancel(proto.Cancellation{Proposal: buried.Proposal, Agreement: buried.ID}), buried.ID)
	t.restart()
	if again := t.observed(draft); !reflect.DeepEqual(again, agreement) {
		t.fail("the agreement is another after the restart")
	}
	if answer := t.accept(buried); answer.Performative != proto.Failure {
		t.fail("a tombstone is forgotten: its acceptance is answered %s", said(answer))
	}
	if after := t.outcome(t.tell(create), create); !reflect.DeepEqual(before, after) {
		t.fail("the repeat of the create has another outcome after the restart")
	}
	listed := t.resources(agreement.Deployment)
	if count(listed, create.command.Resource) != 1 || listed[0].ID != created.ID {
		t.fail("%d resources are listed after the restart, one was before", len(listed))
	}
	stale := t.delete(agreement, create.command.Resource)
	stale.sequence = create.sequence
	t.refused(t.tell(stale), proto.Refuse, sla.RefusedConflict)
	t.refused(t.cancel(proto.Cancellation{Proposal: agreement.Proposal, Agreement: agreement.ID}), proto.Failure, sla.RefusedState)
}

func resumes(t *trial) {
	if t.Restart == nil {
		t.restart()
	}
	agreement := t.agree()
	create := t.order(agreement, proto.VerbCreate)
	if answer := t.tell(create); answer.Performative != proto.Agree && answer.Performative != proto.Inform {
		t.fail("create: answered %s", said(answer))
	}
	t.restart()
	answer := t.finish(create)
	if answer.Performative == proto.Failure {
		t.refused(answer, proto.Failure)
	} else {
		t.outcome(answer, create)
	}
	if listed := t.resources(agreement.Deployment); count(listed, create.command.Resource) > 1 {
		t.fail("listed %d times", count(listed, create.command.Resource))
	}
}
