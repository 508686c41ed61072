package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

// refreshEvery is how often a view is drawn again when nothing happens: measurements and ages change all the same.
const refreshEvery = time.Second

// errRemoved ends watching: there is nothing left to see.
var errRemoved = errors.New("removed")

// view shows deployments as they change: drawn again in place on a terminal, elsewhere as a line for each change.
type view struct {
	session *session
	agency  *client.Client
	// name of the deployment; all if empty.
	name   string
	format present.Format
	region *present.Region
	// seen is what was told of last, by name.
	seen map[string]string
	last []byte
}

// watchDeployments shows deployments until the person has seen enough, or what is watched by its name is removed.
func (s *session) watchDeployments(ctx context.Context, agency *client.Client, name string, format present.Format) error {
	v := &view{session: s, agency: agency, name: name, format: format, seen: map[string]string{}}
	if s.screen.Live && format == present.FormatTable {
		v.region = present.NewRegion(s.screen, s.screen.Height())
	}
	if err := v.look(ctx); err != nil {
		return finished(err)
	}
	group, following := errgroup.WithContext(ctx)
	happened := make(chan struct{}, 1)
	group.Go(func() error {
		watching := client.Watching{Name: name, Since: s.now(), Follow: true}
		return agency.Events(following, watching, func(proto.Event) error {
			select {
			case happened <- struct{}{}:
			default:
			}
			return nil
		})
	})
	group.Go(func() error { return v.keepLooking(following, happened) })
	return finished(group.Wait())
}

// finished leaves out that there is nothing left to see.
func finished(err error) error {
	if errors.Is(err, errRemoved) {
		return nil
	}
	return err
}

func (v *view) keepLooking(ctx context.Context, happened <-chan struct{}) error {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-happened:
		case <-ticker.C:
		}
		if err := v.look(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// look shows how things stand now, if that is news.
func (v *view) look(ctx context.Context) error {
	deployments, err := v.deployments(ctx)
	if err != nil {
		return err
	}
	switch {
	case v.region != nil:
		v.region.Draw(v.drawn(ctx, deployments))
	case v.format == present.FormatTable:
		v.tell(deployments)
	default:
		if err := v.document(deployments); err != nil {
			return err
		}
	}
	if v.name != "" && deployments[0].State == descriptors.DeploymentRemoved {
		return errRemoved
	}
	return nil
}

func (v *view) deployments(ctx context.Context) ([]proto.DeploymentStatus, error) {
	if v.name == "" {
		return v.agency.Deployments(ctx, "")
	}
	deployment, err := v.agency.Deployment(ctx, v.name)
	if client.ClassOf(err) == client.NotFound {
		if descriptor, planned := plannedOnly(ctx, v.agency, v.name); planned {
			return []proto.DeploymentStatus{asPlanned(descriptor)}, nil
		}
	}
	return []proto.DeploymentStatus{deployment}, err
}

// drawn is what status shows.
func (v *view) drawn(ctx context.Context, deployments []proto.DeploymentStatus) string {
	var text bytes.Buffer
	onto := *v.session
	onto.screen = v.session.screen.Onto(&text)
	documents := make([]deploymentDocument, len(deployments))
	for i, deployment := range deployments {
		documents[i] = deploymentDocument{DeploymentStatus: deployment}
	}
	if v.name == "" {
		onto.showDeployments(documents)
		return text.String()
	}
	if samples, err := v.agency.Samples(ctx, deployments[0].Descriptor.ID); err == nil {
		documents[0].Samples = samples
	}
	onto.showDeployment(documents[0])
	onto.screen.Line("%s", onto.screen.Paint(present.Faint, "Ctrl-C ends watching; what runs goes on."))
	return text.String()
}

// tell writes a line for every deployment and resource that is not as it was told last.
func (v *view) tell(deployments []proto.DeploymentStatus) {
	for _, deployment := range deployments {
		name := deployment.Descriptor.Name
		if deployment.State != descriptors.DeploymentRemoved || v.seen[name] != "" || v.name != "" {
			v.line(name, string(deployment.State), deployment.Fault)
		}
		there := map[string]bool{}
		for _, resource := range deployment.Resources {
			whole := name + "/" + resource.Name
			there[whole] = true
			note := addressOf(resource)
			if resource.Fault != "" {
				note = resource.Fault
			}
			v.line(whole, string(resource.State), note)
		}
		for _, whole := range slices.Sorted(maps.Keys(v.seen)) {
			if strings.HasPrefix(whole, name+"/") && !there[whole] {
				v.line(whole, string(vendormodules.ResourceGone), "")
				delete(v.seen, whole)
			}
		}
	}
}

func (v *view) line(name, state, note string) {
	news := state + " " + note
	if v.seen[name] == news {
		return
	}
	v.seen[name] = news
	screen := v.session.screen
	text := fmt.Sprintf("%s  %s  %s  %s", screen.Clock(screen.Now()), present.Pad(name, 20), present.Pad(state, 12), note)
	screen.Line("%s", strings.TrimRight(text, " "))
}

// document writes how all that is watched stands as one line of JSON, or one document of YAML, whenever it differs.
func (v *view) document(deployments []proto.DeploymentStatus) error {
	status := statusDocument{Deployments: []deploymentDocument{}}
	for _, deployment := range deployments {
		status.Deployments = append(status.Deployments, deploymentDocument{DeploymentStatus: deployment})
	}
	var text bytes.Buffer
	err := present.Compact(&text, status)
	if err == nil && v.format == present.FormatYAML {
		text.Reset()
		text.WriteString("---\n")
		err = present.Document(&text, v.format, status)
	}
	if err != nil || bytes.Equal(text.Bytes(), v.last) {
		return err
	}
	v.last = text.Bytes()
	_, err = v.session.out.Write(v.last)
	return err
}
