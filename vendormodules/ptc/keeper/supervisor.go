package keeper

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/vendormodules/ptc/limits"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

const (
	// settle is how long every command must stay up before the machine counts as running.
	settle = 200 * time.Millisecond
	// watchEvery is how often the machine's listeners are looked at, watchSoon how long after its start the first time.
	watchEvery, watchSoon = 5 * time.Second, 300 * time.Millisecond
	// maxTail is how much of the console, in bytes, is shown of a machine that failed.
	maxTail = 1000
)

// supervisor runs the commands of one machine. All of it happens in one goroutine, which stays on one thread: the kernel
// kills the commands when the thread that started them ends.
type supervisor struct {
	*keeper
	program     string
	environment []string
	commands    []*command
	groups      []string
	// reports are the stages' results.
	reports chan report
	// visits come and go by the control socket; visitors are those at work, by process number.
	visits, gone chan *visit
	visitors     map[int]*visit
	// output counts the goroutines that carry output to the console.
	output sync.WaitGroup
	// began is where the console ended before the first command started.
	began int64
	// fixed are the warnings that hold for the whole run, exposed those about listeners.
	fixed, exposed []string
	watchAt        time.Time
}

// supervise keeps a machine.
func (k *keeper) supervise() error {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopt orphans: %w", err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM, unix.SIGINT)
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	program, err := os.Executable()
	if err != nil {
		return err
	}
	s := &supervisor{keeper: k, program: program, began: k.console.mark(), reports: make(chan report)}
	s.visits, s.gone, s.visitors = make(chan *visit), make(chan *visit), map[int]*visit{}
	if err := s.prepare(); err != nil {
		return err
	}
	held, err := k.hold()
	if err != nil {
		return s.finish(children, err)
	}
	defer held.Close() //nolint:errcheck // the process ends
	endVisits, err := s.receive()
	if err != nil {
		return s.finish(children, err)
	}
	defer endVisits()
	return s.finish(children, s.run(stop, children))
}

// prepare makes the control groups and the keeper known. The groups are written down before they are made.
func (s *supervisor) prepare() error {
	s.environment = environment(s.directory, s.record)
	for _, text := range s.record.Class.Run {
		s.commands = append(s.commands, &command{text: text, number: len(s.commands) + 1})
	}
	plan := s.host.Groups.Plan(groupName(s.directory), limits.Bounds{Memory: s.record.Class.Memory, Cores: s.record.Class.Cores})
	if err := s.begin(plan.Directories(), s.host.Landlock.Warning(), plan.Warning); err != nil {
		return err
	}
	s.groups, s.fixed = s.status.Groups, s.status.Warnings
	if err := plan.Make(); err != nil {
		s.groups = nil
		s.fixed = append(s.fixed, "memory and CPU are not limited: "+err.Error())
		s.status.Warnings = s.fixed
		return limits.Remove(plan.Directories())
	}
	return nil
}

// run starts the commands and keeps them until it is told to stop. The error says why the machine cannot run.
func (s *supervisor) run(stop, children <-chan os.Signal) error {
	for _, command := range s.commands {
		if err := s.start(command); err != nil {
			return err
		}
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var err error
		select {
		case <-stop:
			return s.move(record.Stopping, "")
		case report := <-s.reports:
			err = s.reported(report)
		case <-children:
			err = s.reap()
		case visit := <-s.visits:
			s.welcome(visit)
		case visit := <-s.gone:
			err = s.dismiss(visit)
		case now := <-timer.C:
			err = s.due(now)
		}
		if err != nil {
			return err
		}
		timer.Reset(time.Until(s.next()))
	}
}

// due does what the time has come for.
func (s *supervisor) due(now time.Time) error {
	if s.status.Phase == record.Starting && s.settled(now) {
		if err := s.move(record.Running, ""); err != nil {
			return err
		}
		s.watchAt = now.Add(watchSoon)
	}
	for _, command := range s.commands {
		if !command.waits() || now.Before(command.again) {
			continue
		}
		if err := s.start(command); err != nil {
			if err := s.ended(command, err.Error(), false); err != nil {
				return err
			}
		}
	}
	if s.status.Phase == record.Running && !now.Before(s.watchAt) {
		s.watchAt = now.Add(watchEvery)
		return s.watch()
	}
	return nil
}

// settled says whether every command has been started and has had its time to fail.
func (s *supervisor) settled(now time.Time) bool {
	for _, command := range s.commands {
		if command.executed.IsZero() || now.Before(command.executed.Add(settle)) {
			return false
		}
	}
	return true
}

// next is when due has something to do.
func (s *supervisor) next() time.Time {
	next := time.Now().Add(watchEvery)
	earlier := func(at time.Time) {
		if at.Before(next) {
			next = at
		}
	}
	if s.status.Phase == record.Running {
		earlier(s.watchAt)
	}
	latest := time.Time{}
	started := true
	for _, command := range s.commands {
		if command.waits() {
			earlier(command.again)
		}
		started = started && !command.executed.IsZero()
		if command.executed.After(latest) {
			latest = command.executed
		}
	}
	if s.status.Phase == record.Starting && started {
		earlier(latest.Add(settle))
	}
	return next
}

// warn writes the status again if there is something new to say.
func (s *supervisor) warn() error {
	warnings := append([]string(nil), s.fixed...)
	restarts := 0
	for _, command := range s.commands {
		if command.ends > 0 {
			warnings = append(warnings, command.complaint())
		}
		restarts += command.ends
	}
	warnings = append(warnings, s.exposed...)
	if strings.Join(warnings, "\n") == strings.Join(s.status.Warnings, "\n") {
		return nil
	}
	s.status.Warnings, s.status.Restarts = warnings, restarts
	return s.directory.WriteStatus(s.status)
}

// finish ends the whole tree, and writes how it came to its end once nothing is left.
func (s *supervisor) finish(children <-chan os.Signal, fault error) error {
	endDiscard := s.discard()
	err := s.endTree(children)
	s.output.Wait()
	endDiscard()
	if err = errors.Join(err, limits.Remove(s.groups)); err != nil {
		return err
	}
	if fault == nil {
		return s.move(record.Stopped, "")
	}
	message := fault.Error()
	if tail := strings.TrimSpace(s.console.since(s.began, maxTail)); tail != "" {
		message += "; its console ends with: " + tail
	}
	return s.move(record.Failed, message)
}

// discard receives reports that nobody waits for any more, until the function returned is called.
func (s *supervisor) discard() (end func()) {
	ended, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			select {
			case <-s.reports:
			case <-ended:
				return
			}
		}
	}()
	return func() { close(ended); <-over }
}
