package ec2

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

const (
	// sampled is the time that one sample stands for, which the cloud keeps for everybody.
	sampled = 5 * time.Minute
	// lookBack is how old a sample may be: a new one comes a few minutes late.
	lookBack = 3 * sampled
	// keepSamples is how long they serve before they are asked for again; each question costs.
	keepSamples = time.Minute
)

// counter is one of the cloud's, and what it is called here.
type counter struct {
	name, statistic string
	metric          string
	// factor makes one of theirs one of ours.
	factor float64
}

const perSecond = 1 / float64(sampled/time.Second)

func machineCounters() []counter {
	return []counter{
		{"CPUUtilization", "Average", "cpu-ratio", 0.01}, // of percent
		{"NetworkIn", "Sum", "received-bytes-per-second", perSecond}, {"NetworkOut", "Sum", "sent-bytes-per-second", perSecond},
		{"EBSReadBytes", "Sum", "read-bytes-per-second", perSecond}, {"EBSWriteBytes", "Sum", "written-bytes-per-second", perSecond},
	}
}

// balancerCounters are those of the kind that understands HTTP, or of the other.
func balancerCounters(kind elbtypes.LoadBalancerTypeEnum) (namespace string, counters []counter) {
	if kind != elbtypes.LoadBalancerTypeEnumApplication {
		return "AWS/NetworkELB", []counter{
			{"NewFlowCount", "Sum", "connections-per-second", perSecond}, {"ProcessedBytes", "Sum", "bytes-per-second", perSecond},
		}
	}
	return "AWS/ApplicationELB", []counter{
		{"RequestCount", "Sum", "requests-per-second", perSecond}, {"HTTPCode_Target_5XX_Count", "Sum", "errors-per-second", perSecond},
		{"TargetResponseTime", "p50", "response-time-p50-seconds", 1}, {"TargetResponseTime", "p95", "response-time-p95-seconds", 1},
		{"TargetResponseTime", "p99", "response-time-p99-seconds", 1}, {"ProcessedBytes", "Sum", "bytes-per-second", perSecond},
	}
}

// Measure implements vendormodules.Meter. What the cloud's counters tell comes minutes late, and bears its time; where
// there are none, a machine has the time since its start, and a balancer its targets.
func (m *Module) Measure(ctx context.Context, id string) ([]sla.Measurement, error) {
	if strings.HasPrefix(id, balancerPrefix) {
		return m.measureBalancer(ctx, id)
	}
	resource, err := m.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	now := m.environment.Now().UTC()
	if resource.Type == descriptors.Volume {
		return []sla.Measurement{{Metric: "size-bytes", Value: float64(resource.Size), At: now}}, nil
	}
	if resource.Type != descriptors.Compute || resource.State != vendormodules.ResourceRunning {
		return nil, nil
	}
	measured, err := m.samples(ctx, "AWS/EC2", types.Dimension{Name: aws.String("InstanceId"), Value: &id}, machineCounters())
	return append(measured, sla.Measurement{
		Metric: "uptime-seconds", Value: max(0, now.Sub(resource.Created).Seconds()), At: now,
	}), err
}

func (m *Module) measureBalancer(ctx context.Context, id string) ([]sla.Measurement, error) {
	if _, err := m.Get(ctx, id); err != nil {
		return nil, err
	}
	found, err := m.eachBalancer(ctx, &elb.DescribeLoadBalancersInput{Names: []string{id}})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	groups, err := m.eachTargetGroup(ctx, &elb.DescribeTargetGroupsInput{Names: []string{id}})
	if err != nil {
		return nil, err
	}
	var targets, healthy float64
	for _, group := range groups {
		answer, err := m.balancing.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: group.TargetGroupArn})
		if err != nil {
			return nil, fault("look at the targets of "+id, err)
		}
		for _, one := range answer.TargetHealthDescriptions {
			if one.TargetHealth == nil || one.TargetHealth.State == elbtypes.TargetHealthStateEnumDraining {
				continue
			}
			targets++
			if one.TargetHealth.State == elbtypes.TargetHealthStateEnumHealthy {
				healthy++
			}
		}
	}
	// The counters know a balancer by the end of its full name: app/NAME/NUMBER.
	_, known, _ := strings.Cut(aws.ToString(found[0].LoadBalancerArn), "loadbalancer/")
	namespace, counters := balancerCounters(found[0].Type)
	measured, err := m.samples(ctx, namespace, types.Dimension{Name: aws.String("LoadBalancer"), Value: &known}, counters)
	now := m.environment.Now().UTC()
	return append(measured, sla.Measurement{Metric: "targets", Value: targets, At: now},
		sla.Measurement{Metric: "healthy-targets", Value: healthy, At: now}), err
}

// sampledAt is what was sampled of one thing, and when it was asked for.
type sampledAt struct {
	at       time.Time
	measured []sla.Measurement
}

// samples are the latest of some counters of one thing. There are none where the cloud counts nothing for us.
func (m *Module) samples(ctx context.Context, namespace string, of types.Dimension, counters []counter) ([]sla.Measurement, error) {
	if m.configuration.absence(monitoring) != "" || m.lacking(measuring) != "" {
		return nil, nil
	}
	now, name := m.environment.Now().UTC(), aws.ToString(of.Value)
	m.mutex.Lock()
	maps.DeleteFunc(m.sampled, func(_ string, one sampledAt) bool { return now.Sub(one.at) >= keepSamples })
	kept, found := m.sampled[name]
	m.mutex.Unlock()
	if found {
		return slices.Clone(kept.measured), nil
	}
	measured, err := m.askSamples(ctx, now, namespace, of, counters)
	if err != nil && m.dispensable(measuring, err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault("measure "+name, err)
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.sampled[name] = sampledAt{now, slices.Clone(measured)}
	return measured, nil
}

func (m *Module) askSamples(
	ctx context.Context, now time.Time, namespace string, of types.Dimension, counters []counter,
) ([]sla.Measurement, error) {
	from := now.Add(-lookBack)
	input := &cloudwatch.GetMetricDataInput{StartTime: &from, EndTime: &now, ScanBy: types.ScanByTimestampDescending}
	for index, one := range counters {
		input.MetricDataQueries = append(input.MetricDataQueries, types.MetricDataQuery{
			Id: aws.String(fmt.Sprintf("m%d", index)), MetricStat: &types.MetricStat{
				Metric: &types.Metric{Namespace: &namespace, MetricName: aws.String(one.name), Dimensions: []types.Dimension{of}},
				Period: aws.Int32(int32(sampled / time.Second)), Stat: aws.String(one.statistic),
			},
		})
	}
	var measured []sla.Measurement
	seen := map[string]bool{}
	pages := cloudwatch.NewGetMetricDataPaginator(m.monitoring, input)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, one := range page.MetricDataResults {
			var index int
			if _, err := fmt.Sscanf(aws.ToString(one.Id), "m%d", &index); err != nil || index < 0 || index >= len(counters) {
				continue
			}
			metric := counters[index].metric
			if len(one.Values) == 0 || len(one.Timestamps) == 0 || seen[metric] {
				continue
			}
			seen[metric] = true
			measured = append(measured, sla.Measurement{
				Metric: metric, Value: max(0, one.Values[0]) * counters[index].factor, At: one.Timestamps[0].UTC(),
			})
		}
	}
	return measured, nil
}
