package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

type statusVerb struct {
	Name string `arg:"" optional:"" help:"Name of a deployment; all by default."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (statusVerb) Help() string {
	return example("agency status", "agency status shop", "agency status shop -o json | jq '.deployments[0].state'")
}

// statusDocument is what status prints for programs, with or without a name.
type statusDocument struct {
	Deployments []deploymentDocument `json:"deployments"`
}

type deploymentDocument struct {
	proto.DeploymentStatus
	// Samples are what the monitor last measured.
	Samples []proto.Sample `json:"samples,omitempty"`
}

// Run shows deployments.
func (v statusVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	if v.Name != "" {
		return v.one(ctx, s, agency)
	}
	deployments, err := agency.Deployments(ctx, "")
	if err != nil {
		return err
	}
	planned, err := agreedOnly(ctx, agency, deployments)
	if err != nil {
		return err
	}
	document := statusDocument{Deployments: []deploymentDocument{}}
	for _, deployment := range append(deployments, planned...) {
		document.Deployments = append(document.Deployments, deploymentDocument{DeploymentStatus: deployment})
	}
	slices.SortFunc(document.Deployments, func(a, b deploymentDocument) int {
		return cmp.Or(cmp.Compare(a.Descriptor.Name, b.Descriptor.Name), cmp.Compare(a.Descriptor.ID, b.Descriptor.ID))
	})
	return s.print(v.Output, document, func() { s.showDeployments(document.Deployments) })
}

// agreedOnly are the deployments that were agreed on and that the deployer has not heard of.
func agreedOnly(
	ctx context.Context, agency *client.Client, known []proto.DeploymentStatus,
) ([]proto.DeploymentStatus, error) {
	agreements, err := agency.Agreements(ctx, "")
	if err != nil {
		return nil, err
	}
	calls, err := agency.Calls(ctx)
	if err != nil {
		return nil, err
	}
	only := map[string]bool{}
	for _, agreement := range agreements {
		if agreement.State == sla.AgreementObserved {
			only[agreement.Deployment] = true
		}
	}
	for _, deployment := range known {
		delete(only, deployment.Descriptor.ID)
	}
	var planned []proto.DeploymentStatus
	for _, call := range calls {
		if !only[call.Deployment] {
			continue
		}
		descriptor, err := agency.Descriptor(ctx, call.Name)
		if err != nil {
			return nil, err
		}
		planned = append(planned, asPlanned(descriptor))
	}
	return planned, nil
}

// asPlanned is the status of a deployment of which nothing has been created.
func asPlanned(descriptor descriptors.Deployment) proto.DeploymentStatus {
	return proto.DeploymentStatus{
		Descriptor: descriptor, State: descriptors.DeploymentPlanned, Since: descriptor.Created,
		Counts: map[string]int{}, Resources: []proto.ResourceStatus{},
		Hint: fmt.Sprintf("`agency deploy %s` creates it; `agency remove %s` ends its agreements", descriptor.Name, descriptor.Name),
	}
}

// one shows the deployment of a name, whether the deployer knows it, only the broker does, or it is still a call.
func (v statusVerb) one(ctx context.Context, s *session, agency *client.Client) error {
	deployment, err := agency.Deployment(ctx, v.Name)
	descriptor, planned := descriptors.Deployment{}, false
	if client.ClassOf(err) == client.NotFound || err == nil && deployment.State == descriptors.DeploymentRemoved {
		descriptor, planned = plannedOnly(ctx, agency, v.Name) // it may be agreed on anew
	}
	switch {
	case planned:
		deployment = asPlanned(descriptor)
	case client.ClassOf(err) == client.NotFound:
		return v.notDeployed(ctx, agency, err)
	case err != nil:
		return err
	}
	shown := deploymentDocument{DeploymentStatus: deployment}
	samples, err := agency.Samples(ctx, deployment.Descriptor.ID)
	if err == nil {
		shown.Samples = samples
	}
	return s.print(v.Output, statusDocument{[]deploymentDocument{shown}}, func() {
		s.showDeployment(shown)
		if err != nil {
			s.screen.Line("Not measured: %s", err)
		}
	})
}

// plannedOnly is the descriptor of what was agreed on and still is, and of which the deployer has not heard.
func plannedOnly(ctx context.Context, agency *client.Client, name string) (descriptors.Deployment, bool) {
	agreements, err := standingAgreements(ctx, agency, name)
	if err != nil || len(agreements) == 0 {
		return descriptors.Deployment{}, false
	}
	descriptor, err := agency.Descriptor(ctx, name)
	return descriptor, err == nil
}

// standingAgreements are those of a name that are observed.
func standingAgreements(ctx context.Context, agency *client.Client, name string) ([]sla.Agreement, error) {
	agreements, err := agency.Agreements(ctx, name)
	ended := func(agreement sla.Agreement) bool { return agreement.State != sla.AgreementObserved }
	return slices.DeleteFunc(agreements, ended), err
}

// notDeployed says how far a name got that is no deployment.
func (v statusVerb) notDeployed(ctx context.Context, agency *client.Client, missing error) error {
	offers, err := agency.Offers(ctx, v.Name)
	if err != nil {
		return missing
	}
	if agreements, err := agency.Agreements(ctx, v.Name); err == nil && len(agreements) > 0 {
		return &client.Error{
			Code: client.CodeNotFound, Message: v.Name + " is removed: its agreements have ended, and nothing of it was created",
			Hint: "`agency submit FILE` calls for it again",
		}
	}
	if offers.State != descriptors.CallOpen {
		return missing
	}
	return &client.Error{
		Code: client.CodeNotFound, Message: fmt.Sprintf("%s is no deployment yet: its call %s is %s", v.Name, offers.Call, offers.State),
		Hint: "`agency compare " + v.Name + "` shows its plans, `agency accept " + v.Name + "` takes the best",
	}
}

func (s *session) showDeployments(deployments []deploymentDocument) {
	if len(deployments) == 0 {
		s.screen.Line("Nothing is deployed. `agency submit FILE` asks the vendors.")
		return
	}
	rows := make([][]string, len(deployments))
	for i, deployment := range deployments {
		rows[i] = []string{
			deployment.Descriptor.Name, s.screen.State(string(deployment.State)), s.screen.Ago(deployment.Since),
			fmt.Sprint(standing(deployment.DeploymentStatus)), present.PerHour(deployment.Price),
			present.Names(vendorsOf(deployment.Descriptor)),
		}
	}
	s.screen.Table(present.Columns("NAME", "STATE", "SINCE", ">RESOURCES", ">PRICE", "VENDORS"), rows)
}

func vendorsOf(descriptor descriptors.Deployment) []string {
	var vendors []string
	for _, class := range descriptor.Resources {
		vendors = append(vendors, class.Vendor)
	}
	slices.Sort(vendors)
	return slices.Compact(vendors)
}

func (s *session) showDeployment(deployment deploymentDocument) {
	if deployment.State == descriptors.DeploymentRemoved {
		s.screen.Line("%s   %s   since %s", s.screen.Paint(present.Bold, deployment.Descriptor.Name),
			s.screen.State(string(deployment.State)), s.screen.Ago(deployment.Since))
		return
	}
	head := []string{
		s.screen.Paint(present.Bold, deployment.Descriptor.Name), s.screen.State(string(deployment.State)),
		"since " + s.screen.Ago(deployment.Since), present.PerHour(deployment.Price),
	}
	if budget := deployment.Descriptor.Budget; budget.PerHour.Micros != 0 {
		head = append(head, "of at most "+present.PerMonth(budget))
	}
	s.screen.Line("%s", strings.Join(head, "   "))
	var rows [][]string
	for _, class := range slices.Sorted(maps.Keys(deployment.Descriptor.Resources)) {
		rows = append(rows, s.classRow(deployment, class))
		for _, resource := range deployment.Resources {
			if resource.Ref.Class == class && resource.State != vendormodules.ResourceGone {
				rows = append(rows, s.resourceOfClassRow(deployment, resource))
			}
		}
	}
	s.screen.Table(present.Columns("NAME", "STATE", "WHERE", ">PRICE/H", "?LAST MEASURED"), rows)
	for _, address := range entrances(deployment.DeploymentStatus) {
		s.screen.Line("%s", s.screen.Paint(present.Bold, address))
	}
	s.showWarnings(deployment.Resources)
	if len(deployment.Stopped) > 0 {
		s.screen.Line("%s", s.screen.Prose(fmt.Sprintf("Stopped on purpose: %s; `agency start %s MACHINE` starts it again.",
			strings.Join(deployment.Stopped, ", "), deployment.Descriptor.Name), 2))
	}
	s.showFault(deployment.DeploymentStatus)
	if deployment.Operation != "" {
		s.screen.Line("Under way: `agency watch %s` follows it.", deployment.Operation)
	}
}

func (s *session) classRow(deployment deploymentDocument, class string) []string {
	bound := deployment.Descriptor.Resources[class]
	running := 0
	for _, resource := range deployment.Resources {
		if resource.Ref.Class == class && resource.State == vendormodules.ResourceRunning {
			running++
		}
	}
	wanted, counted := deployment.Counts[class]
	if !counted {
		wanted = max(sla.Instances(deployment.Descriptor.Classes(), class).Min, 1)
	}
	return []string{
		s.screen.Paint(present.Bold, class) + " (" + string(bound.Type) + ")", fmt.Sprintf("%d of %d running", running, wanted),
		bound.Vendor, "", "",
	}
}

func (s *session) resourceOfClassRow(deployment deploymentDocument, resource proto.ResourceStatus) []string {
	state := string(resource.State)
	if resource.Quarantined {
		state = "quarantined"
	}
	address := addressOf(resource)
	if resource.Fault != "" {
		address = resource.Fault
	}
	return []string{
		"  " + resource.Name, s.screen.State(state), address, present.Rate(resource.Price),
		measuredText(deployment.Samples, resource),
	}
}

func (s *session) showWarnings(resources []proto.ResourceStatus) {
	for _, resource := range resources {
		for _, warning := range resource.Warnings {
			s.screen.Line("%s", s.screen.Prose(resource.Name+": "+warning, 2))
		}
	}
}
