package keeper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules/ptc/balancer"
	"github.com/cloud-agency/agency/vendormodules/ptc/confine"
	"github.com/cloud-agency/agency/vendormodules/ptc/limits"
	"github.com/cloud-agency/agency/vendormodules/ptc/loopback"
	"github.com/cloud-agency/agency/vendormodules/ptc/process"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// Marker is the variable that marks every process of a machine; its value is the resource's directory.
const Marker = "AGENCY_MACHINE"

// Host is what this machine can do for a keeper.
type Host struct {
	Landlock confine.Level
	Groups   limits.Host
}

// ThisHost finds out what this machine can do.
func ThisHost() Host { return Host{Landlock: confine.Find()} }

// What a keeper prints first: that it keeps the directory, or that somebody else has its lock.
const (
	answerKept = "kept"
	answerBusy = "busy"
)

// Main is the keeper's process: the directory of a resource, which it keeps until SIGTERM, or the confining stage of one
// of a machine's commands. It answers the program's exit code.
func Main(host Host, arguments []string) int {
	if len(arguments) > 0 && arguments[0] == confineFlag {
		return stage(arguments[1:])
	}
	if len(arguments) != 1 {
		fmt.Fprintln(os.Stderr, "usage: agency keeper DIRECTORY, the directory of a machine or balancer of a ptc vendor")
		return 2
	}
	// Whoever started the keeper may be gone before it answers, and terminals come and go. The signals are received, not
	// ignored, which the machine's commands would inherit.
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE, unix.SIGHUP)
	directory, err := filepath.Abs(arguments[0])
	if err == nil {
		err = keep(host, record.Directory(directory), os.Stdout)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s keeper of %s: %v\n", time.Now().UTC().Format(time.RFC3339), arguments[0], err)
		return 1
	}
	return 0
}

// keeper is one directory being kept.
type keeper struct {
	host      Host
	directory record.Directory
	record    record.Record
	status    record.Status
	console   *console
	// answer tells whoever started the keeper that it is there.
	answer io.Writer
}

func keep(host Host, directory record.Directory, answer io.Writer) (err error) {
	held, err := lock(directory)
	if errors.Is(err, errKept) {
		fmt.Fprintln(answer, answerBusy) // nobody may be waiting any more
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock(held)) }()
	k := &keeper{host: host, directory: directory, answer: answer}
	if k.record, err = directory.Read(); err != nil {
		return err
	}
	if k.record.Deleting {
		return errors.New("is being deleted")
	}
	if err := sweep(directory); err != nil {
		return err
	}
	if k.console, err = openConsole(directory.Console()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.console.Close()) }()
	if k.record.Class.Type == descriptors.LoadBalancer {
		return k.balance()
	}
	return k.supervise()
}

// begin makes the keeper known, first to the directory and then to whoever started it.
func (k *keeper) begin(groups []string, warnings ...string) error {
	identity, err := process.Identify(os.Getpid())
	if err != nil {
		return err
	}
	warnings = slices.DeleteFunc(warnings, func(warning string) bool { return warning == "" })
	k.status = record.Status{
		Keeper: identity, Phase: record.Starting, Groups: groups, Warnings: warnings, Started: time.Now().UTC(),
		Token: rand.Text(),
	}
	if err := k.directory.WriteStatus(k.status); err != nil {
		return err
	}
	fmt.Fprintln(k.answer, answerKept) // nobody may be waiting any more
	return nil
}

// move writes the next phase.
func (k *keeper) move(phase record.Phase, fault string) error {
	k.status.Phase, k.status.Fault = phase, fault
	return k.directory.WriteStatus(k.status)
}

// hold shows other instances that the resource's addresses are taken, until closed.
func (k *keeper) hold() (closers, error) {
	var held closers
	for _, one := range k.record.Addresses {
		address, err := netip.ParseAddr(one.Address.Address)
		if err != nil {
			return nil, errors.Join(err, held.Close())
		}
		listener, err := loopback.Hold(context.Background(), address)
		if err != nil {
			return nil, errors.Join(held.Close(), fmt.Errorf("another program has port %d of %s, by which addresses are told apart: %w",
				loopback.ClaimPort, address, err))
		}
		held = append(held, listener)
	}
	return held, nil
}

type closers []net.Listener

func (c closers) Close() error {
	var all error
	for _, one := range c {
		all = errors.Join(all, one.Close())
	}
	return all
}

// balance keeps a load balancer.
func (k *keeper) balance() error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	if err := k.begin(nil); err != nil {
		return err
	}
	held, err := k.hold()
	if err != nil {
		return k.move(record.Failed, err.Error())
	}
	defer held.Close() //nolint:errcheck // the process ends
	server, err := balancer.Listen(ctx, k.directory, k.console)
	if err != nil {
		return k.move(record.Failed, err.Error())
	}
	if err := k.move(record.Running, ""); err != nil {
		return errors.Join(err, server.Close())
	}
	err = server.Serve(ctx)
	if err != nil {
		return errors.Join(err, k.move(record.Failed, err.Error()))
	}
	return k.move(record.Stopped, "")
}
