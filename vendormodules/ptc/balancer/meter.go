package balancer

import (
	"slices"
	"sync"
	"time"
)

// Figures are what a balancer has done since it started, and how its targets are.
type Figures struct {
	Requests int `json:"requests"`
	// Errors are the requests that ended in a 5xx, or connections without a target.
	Errors  int `json:"errors"`
	Targets int `json:"targets"`
	Healthy int `json:"healthy"`
	// Percentiles of the time that the latest requests took, in seconds; absent before the first.
	P50 float64 `json:"p50,omitempty"`
	P95 float64 `json:"p95,omitempty"`
	P99 float64 `json:"p99,omitempty"`
}

// remembered is how many of the latest requests the percentiles are of.
const remembered = 1024

// meter counts requests.
type meter struct {
	mu               sync.Mutex
	requests, errors int
	latest           []time.Duration
}

func (m *meter) request(took time.Duration, failed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.latest) < remembered {
		m.latest = append(m.latest, took)
	} else {
		m.latest[m.requests%remembered] = took
	}
	m.requests++
	if failed {
		m.errors++
	}
}

func (m *meter) figures() Figures {
	m.mu.Lock()
	figures := Figures{Requests: m.requests, Errors: m.errors}
	latest := slices.Clone(m.latest)
	m.mu.Unlock()
	if len(latest) > 0 {
		slices.Sort(latest)
		percentile := func(percent int) float64 { return latest[(len(latest)*percent+99)/100-1].Seconds() }
		figures.P50, figures.P95, figures.P99 = percentile(50), percentile(95), percentile(99)
	}
	return figures
}
