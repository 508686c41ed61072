package mapreduce

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Status is how a job stands, as the coordinator answers it under /status.
type Status struct {
	// State is running, done or failed.
	State   string    `json:"state"`
	Started time.Time `json:"started"`
	// Ended is left out while the job runs.
	Ended   time.Time `json:"ended,omitzero"`
	Maps    Progress  `json:"maps"`
	Reduces Progress  `json:"reduces"`
	// Workers that were heard of lately, by name.
	Workers []WorkerStatus `json:"workers"`
	// Counters are sums over what is done.
	Counters Counters `json:"counters"`
	// Failures are the last attempts in vain.
	Failures []failure `json:"failures,omitempty"`
	// Output lists the paths of the parts that are there.
	Output []string `json:"output,omitempty"`
}

// Progress counts tasks.
type Progress struct {
	Total   int `json:"total"`
	Done    int `json:"done"`
	Running int `json:"running"`
}

// WorkerStatus is a worker and what it is at.
type WorkerStatus struct {
	Name  string    `json:"name"`
	Heard time.Time `json:"heard"`
	Tasks []string  `json:"tasks,omitempty"`
}

func progress(tasks []*task) Progress {
	progress := Progress{Total: len(tasks)}
	for _, one := range tasks {
		if one.done {
			progress.Done++
		} else if one.attempt != nil {
			progress.Running++
		}
	}
	return progress
}

// forgetWorkers is after how many leases a silent worker is not shown any more.
const forgetWorkers = 10

// status is how the job stands now.
func (b *board) status() Status {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	status := Status{
		State: b.state(), Started: b.began, Maps: progress(b.maps), Reduces: progress(b.reduces), Workers: []WorkerStatus{},
		Counters: maps.Clone(b.counters), Failures: slices.Clone(b.failures),
	}
	if status.State != jobRunning {
		status.Ended = b.ended
	}
	horizon := b.now().Add(-forgetWorkers * b.lease)
	for name, heard := range b.workers {
		if heard.Before(horizon) {
			delete(b.workers, name)
			continue
		}
		status.Workers = append(status.Workers, WorkerStatus{Name: name, Heard: heard.UTC(), Tasks: b.tasksOf(name)})
	}
	slices.SortFunc(status.Workers, func(x, y WorkerStatus) int { return cmp.Compare(x.Name, y.Name) })
	for index, one := range b.reduces {
		if one.done {
			status.Output = append(status.Output, "/output/"+partName(index))
		}
	}
	return status
}

func (b *board) tasksOf(worker string) []string {
	var tasks []string
	for _, one := range b.attempts {
		if one.worker == worker {
			tasks = append(tasks, one.task.name())
		}
	}
	slices.Sort(tasks)
	return tasks
}

// String tells people how far the job is.
func (s Status) String() string {
	text := fmt.Sprintf("the job is %s: %d of %d map and %d of %d reduce tasks are done",
		s.State, s.Maps.Done, s.Maps.Total, s.Reduces.Done, s.Reduces.Total)
	if count := len(s.Failures); s.State == jobFailed && count > 0 {
		last := s.Failures[count-1]
		text += fmt.Sprintf("; %s failed at %s: %s", last.Task, last.Worker, last.Fault)
	}
	return text
}
