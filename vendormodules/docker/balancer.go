package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/balancer"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// balancerHome is where a balancer has its record.
const balancerHome = "balancer"

// beginBalancer makes the container of a balancer. It does not run yet.
func (m *Module) beginBalancer(
	ctx context.Context, at *host, engine *client.Client, request vendormodules.Request, marks map[string]string,
) error {
	image, err := m.program.image(ctx, engine)
	if err != nil {
		return err
	}
	addresses, err := grant(ctx, at, engine, request.Networks)
	if err != nil {
		return err
	}
	config := &container.Config{
		Image: image, Labels: marks, Hostname: hostname(request.Name), Cmd: []string{"balancer", "serve", "/" + balancerHome},
	}
	settings := &container.HostConfig{}
	at.publish(config, settings, []int{request.Class.Listen})
	return createContainer(ctx, engine, id(descriptors.LoadBalancer, request.Key), config, settings, addresses)
}

// finishBalancer brings a balancer that has never run to run.
func (m *Module) finishBalancer(ctx context.Context, one found, request vendormodules.Request) error {
	if one.state != container.StateCreated {
		return nil
	}
	engine, err := one.at.connect(ctx)
	if err != nil {
		return err
	}
	if err := join(ctx, engine, one); err != nil {
		return err
	}
	of := record.Record{
		Key: request.Key, Name: request.Name, Tags: request.Tags, Class: request.Class.WithDefaults(), Targets: request.Targets,
		Addresses: []record.Address{{Address: vendormodules.Address{Address: "0.0.0.0"}}},
	}
	if err := writeRecord(ctx, engine, one.ID, of); err != nil {
		return err
	}
	_, err = engine.ContainerStart(ctx, one.ID, client.ContainerStartOptions{})
	return err
}

func writeRecord(ctx context.Context, engine *client.Client, id string, of record.Record) error {
	text, err := json.Marshal(of)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := pack(&archive, entry{name: balancerHome, directory: true},
		entry{name: balancerHome + "/record.json", text: string(text), mode: 0o600}); err != nil {
		return err
	}
	return put(ctx, engine, id, &archive)
}

// SetTargets implements vendormodules.Balancer.
func (m *Module) SetTargets(ctx context.Context, id string, targets []vendormodules.Target) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	giveBack, err := take(ctx, m.tuning)
	if err != nil {
		return err
	}
	defer giveBack()
	one, err := m.locate(ctx, id)
	if err == nil {
		err = one.steady(descriptors.LoadBalancer)
	}
	if err == nil {
		err = setTargets(ctx, one, targets)
	}
	return failed(err, "set the targets of %s", id)
}

func setTargets(ctx context.Context, one found, targets []vendormodules.Target) error {
	engine, err := one.at.connect(ctx)
	if err != nil {
		return err
	}
	of, err := readRecord(ctx, engine, one.ID)
	if err != nil {
		return err
	}
	before := of.Targets
	of.Targets = targets
	if err := writeRecord(ctx, engine, one.ID, of); err != nil {
		return err
	}
	_, err = askBalancer(ctx, engine, one.ID, "reload")
	if errors.Is(err, vendormodules.ErrConflict) { // it goes on with those that it had
		of.Targets = before
		return errors.Join(err, writeRecord(ctx, engine, one.ID, of))
	}
	return err
}

func readRecord(ctx context.Context, engine *client.Client, id string) (of record.Record, err error) {
	copied, err := engine.CopyFromContainer(ctx, id, client.CopyFromContainerOptions{SourcePath: "/" + balancerHome + "/record.json"})
	if err != nil {
		return of, err
	}
	reader := tar.NewReader(copied.Content)
	_, err = reader.Next()
	if err == nil {
		err = json.NewDecoder(reader).Decode(&of)
	}
	return of, errors.Join(err, copied.Content.Close())
}

// askBalancer runs the other side of a balancer in its own container, and returns what that prints.
func askBalancer(ctx context.Context, engine *client.Client, id, what string) (string, error) {
	var answer, complaint strings.Builder
	command := vendormodules.Command{Arguments: []string{"/agency", "balancer", what, "/" + balancerHome}}
	exit, err := execute(ctx, engine, id, command, &answer, &complaint)
	switch {
	case err == nil && exit == balancer.ExitNeeded:
		err = fmt.Errorf("%s: %w", strings.TrimSpace(complaint.String()), vendormodules.ErrConflict)
	case err == nil && exit != 0:
		err = fmt.Errorf("%s: %w", strings.TrimSpace(complaint.String()), vendormodules.ErrTransient)
	}
	return answer.String(), err
}

// figures are what a balancer counts.
func figures(ctx context.Context, engine *client.Client, id string) ([]value, error) {
	answer, err := askBalancer(ctx, engine, id, "figures")
	var counted balancer.Figures
	if err == nil {
		err = json.NewDecoder(strings.NewReader(answer)).Decode(&counted)
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("the balancer says nothing: %w", vendormodules.ErrTransient)
	}
	if err != nil {
		return nil, err
	}
	values := []value{
		{"requests", float64(counted.Requests)}, {"errors", float64(counted.Errors)},
		{"targets", float64(counted.Targets)}, {"healthy-targets", float64(counted.Healthy)},
	}
	if counted.Requests > 0 {
		values = append(values, value{"response-time-p50-seconds", counted.P50},
			value{"response-time-p95-seconds", counted.P95}, value{"response-time-p99-seconds", counted.P99})
	}
	return values, nil
}
