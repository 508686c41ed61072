package scale_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
)

var (
	applications = flag.Int("applications", 20, "how many applications BenchmarkApplications deploys")
	atOnce       = flag.Int("at-once", 32, "how many of them at the same time")
	applied      = flag.Int("applied", 100, "how many of them it changes afterwards, at most all")
	vendors      = flag.String("vendors", "10,100", "to how many vendors BenchmarkCall calls")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// resourcesEach is how many resources an application has.
const resourcesEach = 10

// application is one of ten resources of every type.
func application() descriptors.Application {
	count := func(of int) quantity.Range { return quantity.Range{Min: of, Max: of} }
	return descriptors.Application{
		Name: "shop",
		Resources: map[string]descriptors.Class{
			"lan":   {Type: descriptors.Network, Private: true, Members: descriptors.Names{"web", "db"}},
			"web":   {Type: descriptors.Compute, Image: "static-web", Count: count(4), Ports: []int{80}},
			"work":  {Type: descriptors.Compute, Image: "shell", Count: count(2), Run: []string{"work --store ${db.address}"}},
			"db":    {Type: descriptors.Compute, Image: "kv-store", Count: count(1), Volumes: map[string]string{"data": "/data"}},
			"data":  {Type: descriptors.Volume, Size: 5 * quantity.GiB},
			"front": {Type: descriptors.LoadBalancer, Targets: "web", Listen: 80, TargetPort: 80},
		},
	}.WithDefaults()
}

// BenchmarkApplications negotiates and deploys the applications in one go, sees that nothing is lost, asks what stands,
// changes some of it, and starts the agency anew on it.
func BenchmarkApplications(b *testing.B) {
	for b.Loop() {
		figures := &figures{b: b}
		figures.report("load-before", loadAverage(b))
		a := newAgency(b, turns, priced)
		figures.report("start-empty-ms", milliseconds(a.start()))
		watch := watchMemory()
		began, processor := time.Now(), processorTime(b)
		a.deployAll(*applications, *atOnce)
		took := time.Since(began)
		figures.report("deploy-cpu-s", (processorTime(b) - processor).Seconds())
		peak := watch.stop()
		figures.report("deploy-s", took.Seconds())
		figures.report("resources/s", float64(*applications*resourcesEach)/took.Seconds())
		submit, accept, deploy := a.medians()
		figures.report("submits-unanswered", float64(a.unanswered))
		figures.report("submit-median-ms", milliseconds(submit))
		figures.report("accept-median-ms", milliseconds(accept))
		figures.report("deploy-median-ms", milliseconds(deploy))
		figures.report("heap-peak-MiB", mebibytes(peak.heap))
		figures.report("rss-peak-MiB", mebibytes(peak.resident))
		figures.report("disk-MiB", mebibytes(uint64(a.disk())))
		a.verify(*applications)
		figures.report("load-deployed", loadAverage(b))
		a.questions(figures)
		figures.report("heap-live-MiB", mebibytes(liveHeap()))
		figures.report("rss-MiB", mebibytes(resident("VmRSS:")))
		a.applyAll(figures, min(*applied, *applications))
		a.verify(*applications)
		figures.report("load-after", loadAverage(b))
		a.stop()
		figures.report("disk-stopped-MiB", mebibytes(uint64(a.disk())))
		figures.report("start-loaded-ms", milliseconds(a.start()))
		a.verify(*applications)
		figures.report("disk-restarted-MiB", mebibytes(uint64(a.disk())))
		a.stop()
	}
}

// deployAll negotiates, takes the best plan, and deploys.
func (a *agency) deployAll(count, together int) {
	a.t.Helper()
	group, ctx := errgroup.WithContext(context.Background())
	group.SetLimit(together)
	for number := range count {
		group.Go(func() error {
			name := deploymentName(number)
			if err := a.deploy(ctx, name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	must(a.t, group.Wait())
}

func deploymentName(number int) string { return fmt.Sprintf("shop-%d", number) }

func (a *agency) deploy(ctx context.Context, name string) error {
	began := time.Now()
	offers, err := a.submit(ctx, name)
	if err != nil {
		return err
	}
	submitted := time.Now()
	if _, err := a.client.Accept(ctx, offers.Call, offers.Plans[0].Rank); err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	descriptor, err := a.client.Descriptor(ctx, name)
	if err != nil {
		return fmt.Errorf("descriptor: %w", err)
	}
	accepted := time.Now()
	content := proto.DeploymentCommand{Verb: proto.DeploymentDeploy, Descriptor: &descriptor}
	if err := a.command(ctx, content); err != nil {
		return fmt.Errorf("deploy: %w", err)
	}
	a.took(submitted.Sub(began), accepted.Sub(submitted), time.Since(accepted))
	return nil
}

// submits is how often an application is submitted at most. On a machine that stands still for seconds, because others have
// so much to do, no vendor may answer in time; people are told so and submit again.
const submits = 5

func (a *agency) submit(ctx context.Context, name string) (proto.Offers, error) {
	for try := 1; ; try++ {
		offers, err := a.client.Submit(ctx, proto.Submission{Name: name, Application: application()})
		switch {
		case err != nil:
			return offers, fmt.Errorf("submit: %w", err)
		case len(offers.Plans) > 0:
			return offers, nil
		case try == submits || len(offers.Proposals) > 0:
			return offers, fmt.Errorf("no plan: %v", offers.Obstacles)
		}
		a.mutex.Lock()
		a.unanswered++
		a.mutex.Unlock()
	}
}

// command tells the deployer to do something and waits until it is done.
func (a *agency) command(ctx context.Context, content proto.DeploymentCommand) error {
	message := proto.Message{
		Performative: proto.Request, Protocol: proto.RequestProtocol, Command: ulid.Make().String(),
		Receiver: proto.Agent(proto.RoleDeployer),
	}
	if err := proto.Encode(&message, content); err != nil {
		return err
	}
	answer, err := a.commands.Do(ctx, proto.SubjectDeployerCommand, message)
	if err != nil {
		return err
	}
	if refusal, refused := proto.AsRefusal(answer); refused {
		return refusal
	}
	outcome, err := proto.Decode[proto.Outcome](answer)
	if err == nil && outcome.Refusal != nil {
		err = *outcome.Refusal
	}
	return err
}

// verify fails unless every deployment runs with all its resources, and the clouds have these and no other.
func (a *agency) verify(count int) {
	a.t.Helper()
	recorded := map[string]bool{}
	for number := range count {
		deployment, err := a.client.Deployment(context.Background(), deploymentName(number))
		must(a.t, err)
		if deployment.State != descriptors.DeploymentRunning || len(deployment.Resources) != a.resourcesOf(number) {
			a.t.Fatalf("%s is %s with %d resources", deploymentName(number), deployment.State, len(deployment.Resources))
		}
		for _, resource := range deployment.Resources {
			if resource.State != vendormodules.ResourceRunning {
				a.t.Errorf("%s of %s is %s", resource.Name, deploymentName(number), resource.State)
			}
			recorded[resource.ID] = true
		}
	}
	want := count*resourcesEach + a.changed
	if len(recorded) != want {
		a.t.Errorf("%d resources are recorded, want %d", len(recorded), want)
	}
	for _, resource := range a.standing(want) {
		if !recorded[resource.ID] {
			a.t.Errorf("there is a %s %s, which no deployment knows", resource.Type, resource.ID)
		}
	}
}

// standing waits until the clouds list so many resources, which late ones do after a while, and returns them.
func (a *agency) standing(count int) []vendormodules.Resource {
	a.t.Helper()
	late := time.After(30 * time.Second)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		var all []vendormodules.Resource
		var faults error
		for name, cloud := range a.clouds {
			listed, err := cloud.List(context.Background())
			if err != nil {
				faults = errors.Join(faults, fmt.Errorf("%s: %w", name, err))
			}
			all = append(all, listed...)
		}
		if len(all) == count && faults == nil {
			return all
		}
		select {
		case <-again.C:
		case <-late:
			a.t.Fatalf("the clouds list %d resources, want %d: %v", len(all), count, faults)
		}
	}
}
