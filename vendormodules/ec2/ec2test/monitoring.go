package ec2test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const monitoringVersion = "2010-08-01"

func monitoringActions() map[string]action { return map[string]action{"GetMetricData": getMetricData} }

// samples are what every metric is, by name and statistic.
func samples() map[string]string {
	return map[string]string{
		"CPUUtilization Average": "12.5", "NetworkIn Sum": "3000000", "NetworkOut Sum": "600", "EBSReadBytes Sum": "0", "EBSWriteBytes Sum": "300",
		"RequestCount Sum": "900", "TargetResponseTime p95": "0.25", "NewFlowCount Sum": "30",
	}
}

// getMetricData tells two samples of each metric that there is of what exists. A balancer is known by the end of its id.
func getMetricData(a *Account, asked parameters) (any, error) {
	type item struct {
		ID     string   `xml:"Id"`
		Status string   `xml:"StatusCode"`
		Times  []string `xml:"Timestamps>member"`
		Values []string `xml:"Values>member"`
	}
	end, err := time.Parse(time.RFC3339, asked.text("EndTime"))
	if err != nil {
		return nil, failed("MissingParameter", "The parameter EndTime is required.")
	}
	last := end.Truncate(5 * time.Minute)
	var items []item
	for number := 1; ; number++ {
		at := fmt.Sprintf("MetricDataQueries.member.%d.", number)
		id := asked.text(at + "Id")
		if id == "" {
			break
		}
		at += "MetricStat."
		of := asked.text(at + "Metric.Dimensions.member.1.Value")
		shown := item{ID: id, Status: "Complete"}
		exists := slices.ContainsFunc(a.things, func(one *thing) bool { return one.id == of || strings.HasSuffix(one.id, "loadbalancer/"+of) })
		value, known := samples()[asked.text(at+"Metric.MetricName")+" "+asked.text(at+"Stat")]
		if exists && known && asked.text(at+"Period") == "300" {
			shown.Times = []string{stamp(last), stamp(last.Add(-5 * time.Minute))}
			shown.Values = []string{value, "1"}
		}
		items = append(items, shown)
	}
	from, _ := strconv.Atoi(asked.text("NextToken"))
	from = min(from, len(items))
	to, next := len(items), ""
	if a.Page > 0 && to-from > a.Page {
		to = from + a.Page
		next = strconv.Itoa(to)
	}
	return struct {
		Items []item `xml:"MetricDataResults>member"`
		Next  string `xml:"NextToken,omitempty"`
	}{items[from:to], next}, nil
}
