package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
)

// show is the course of the demonstration.
type show struct {
	session *session
	agency  *client.Client
	house   *house
	began   time.Time
	file    string
	// name of the deployment, and the class that is scaled.
	name, scaled string
	// agreed says that there may be something to clean up.
	agreed bool
}

// run goes the whole way, from the bids to the scaled application, and back if it is not to be kept.
func (st *show) run(ctx context.Context) error {
	s := st.session
	ready := s.now().Sub(st.began)
	st.done("bus, store, broker, deployer, monitor", present.Span(ready))
	vendors, err := st.agency.Vendors(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(vendors))
	for i, vendor := range vendors {
		names[i] = vendor.Name
	}
	st.done(present.Count(len(vendors), "vendor")+": "+strings.Join(names, "  "), "")
	s.screen.Line("")
	called := s.now()
	if err := st.negotiate(ctx); err != nil {
		return err
	}
	if err := st.provision(ctx, called); err != nil {
		return err
	}
	for _, count := range st.counts() {
		if err := st.scale(ctx, count); err != nil {
			return err
		}
	}
	return nil
}

func (st *show) done(what, note string) {
	screen := st.session.screen
	screen.Line("%s", strings.TrimRight(screen.Paint(present.Good, "✓")+" "+present.Pad(what, 45)+"  "+note, " "))
}

// negotiate calls for proposals, shows them, and takes the best plan.
func (st *show) negotiate(ctx context.Context) error {
	s := st.session
	application, directory, err := s.readApplication(st.file)
	if err != nil {
		return err
	}
	st.name, st.scaled = application.Name, scalable(application)
	s.screen.Line("%s", s.screen.Prose(askedFor(application), 2))
	uploads, err := st.agency.UploadFiles(ctx, application, directory)
	if err != nil {
		return err
	}
	offers, err := st.agency.Submit(ctx, proto.Submission{Application: application, Uploads: uploads})
	if err != nil {
		return err
	}
	s.showOffers(offers)
	if err := infeasible(offers); err != nil {
		return err
	}
	s.screen.Line("")
	st.agreed = true
	attempt, err := st.agency.Accept(ctx, offers.Call, 1)
	if err != nil {
		return err
	}
	parts := make([]string, len(attempt.Legs))
	for i, leg := range attempt.Legs {
		parts[i] = leg.Agreement.Vendor + " " + s.screen.State(string(leg.State))
	}
	s.screen.Line("Taking 1. Agreement with %s", strings.Join(parts, " · "))
	return nil
}

// askedFor says in a sentence what an application asks for, machines first.
func askedFor(application descriptors.Application) string {
	var machines, others []string
	for _, name := range slices.Sorted(maps.Keys(application.Resources)) {
		class := application.Resources[name]
		switch class.Type {
		case descriptors.Compute, descriptors.Cluster:
			machines = append(machines, fmt.Sprintf("%s %s (%s, %s)", class.Count, name,
				present.Count(class.Cores, "core"), present.Size(class.Memory)))
		case descriptors.Volume:
			others = append(others, "a volume "+name+" of "+present.Size(class.Size))
		case descriptors.Network:
			others = append(others, "a network "+name+" of "+strings.Join(class.Members, " and "))
		case descriptors.LoadBalancer:
			others = append(others, "a balancer "+name+" in front of "+class.Targets)
		}
	}
	return application.Name + " asks for " + strings.Join(append(machines, others...), ", ") + "."
}

// scalable is a class with a range, empty if there is none.
func scalable(application descriptors.Application) string {
	for _, name := range slices.Sorted(maps.Keys(application.Resources)) {
		if class := application.Resources[name]; class.Type.RunsMachines() && class.Count.Max > class.Count.Min {
			return name
		}
	}
	return ""
}

// provision creates everything and shows that it answers.
func (st *show) provision(ctx context.Context, called time.Time) error {
	descriptor, err := st.agency.Descriptor(ctx, st.name)
	if err != nil {
		return err
	}
	deployment, err := st.wait(ctx, st.name, func() (client.Operation, error) { return st.agency.Deploy(ctx, descriptor) })
	if err != nil {
		return err
	}
	return st.fetch(ctx, deployment, " ("+present.Span(st.session.now().Sub(called).Truncate(100*time.Millisecond))+" since the call)")
}

// wait shows the progress of an operation and returns the deployment as it stands after it.
func (st *show) wait(
	ctx context.Context, name string, start func() (client.Operation, error),
) (proto.DeploymentStatus, error) {
	outcome, err := st.session.pursue(ctx, st.agency, following{name, start, true, present.FormatTable})
	if err != nil || outcome.Deployment == nil {
		return proto.DeploymentStatus{}, err
	}
	return *outcome.Deployment, nil
}

// counts are what the class is scaled to: twice its least, and back.
func (st *show) counts() []int {
	if st.scaled == "" {
		return nil
	}
	return []int{4, 2}
}

func (st *show) scale(ctx context.Context, count int) error {
	s := st.session
	s.screen.Line("")
	s.screen.Line("%s", s.screen.Paint(present.Bold, fmt.Sprintf("agency scale %s %s=%d", st.name, st.scaled, count)))
	deployment, err := st.wait(ctx, st.name, func() (client.Operation, error) {
		return st.agency.Scale(ctx, st.name, st.scaled, count)
	})
	if err != nil {
		return err
	}
	return st.fetch(ctx, deployment, "")
}

// fetches is how often the address is fetched at the least, so that each machine of a few gets its turn. A machine gets
// none before its balancer has found it healthy, which is waited for as long as answersWithin.
const (
	fetches       = 12
	answersWithin = 15 * time.Second
)

// fetch gets the application's address several times and tells which machines answered.
func (st *show) fetch(ctx context.Context, deployment proto.DeploymentStatus, note string) error {
	addresses := entrances(deployment)
	if len(addresses) == 0 {
		return nil
	}
	transport := &http.Transport{DisableKeepAlives: true}
	browser := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	defer transport.CloseIdleConnections()
	answers := map[string]int{}
	enough := time.Now().Add(answersWithin)
	for fetched := 0; fetched < fetches || len(answers) < deployment.Counts[st.scaled] && time.Now().Before(enough); fetched++ {
		machine, err := fetchOnce(ctx, browser, addresses[0])
		if err != nil {
			return err
		}
		answers[machine]++
	}
	machines := slices.Sorted(maps.Keys(answers))
	st.session.screen.Line("%s  answers, from %s%s", st.session.screen.Paint(present.Bold, addresses[0]),
		strings.Join(machines, ", "), note)
	return nil
}

func fetchOnce(ctx context.Context, browser *http.Client, address string) (machine string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := browser.Do(request)
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", address, err)
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return "", fmt.Errorf("fetch %s: %w", address, err)
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("fetch %s: answered %s", address, answer.Status)
	}
	return answer.Header.Get("X-Served-By"), nil
}

// clean removes everything of ours, whatever was reached, and shows that the vendors list nothing any more.
func (st *show) clean(ctx context.Context) error {
	if !st.agreed {
		return nil
	}
	s := st.session
	s.screen.Line("")
	removed, err := st.remove(ctx)
	if err != nil {
		return &leftOver{"not everything could be removed: " + err.Error()}
	}
	inventory, err := st.agency.Resources(ctx, "")
	switch {
	case err != nil:
		return &leftOver{"the vendors cannot be asked what is left: " + err.Error()}
	case len(inventory.Resources)+len(inventory.Silent) > 0:
		s.showInventory(inventory)
		return &leftOver{"something is left, or some vendor does not say"}
	}
	s.screen.Line("removed: %s; the vendors list nothing of ours (%s in all)", present.Count(removed, "resource"),
		present.Span(s.now().Sub(st.began).Truncate(100*time.Millisecond)))
	return nil
}

// remove removes every deployment that stands, also those that somebody made meanwhile, and what was only agreed on.
func (st *show) remove(ctx context.Context) (int, error) {
	deployments, err := st.agency.Deployments(ctx, "")
	if err != nil {
		return 0, err
	}
	removed, deployed := 0, false
	for _, deployment := range deployments {
		deployed = deployed || deployment.Descriptor.Name == st.name
		if deployment.State == descriptors.DeploymentRemoved {
			continue
		}
		st.session.screen.Line("%s", st.session.screen.Paint(present.Bold, "agency remove "+deployment.Descriptor.Name))
		name := deployment.Descriptor.Name
		if _, err := st.wait(ctx, name, func() (client.Operation, error) { return st.agency.Remove(ctx, name) }); err != nil {
			return removed, err
		}
		removed += standing(deployment)
	}
	if !deployed {
		_, err = st.agency.End(ctx, st.name, "the demonstration ended")
		if client.ClassOf(err) == client.NotFound {
			err = nil
		}
	}
	return removed, err
}
