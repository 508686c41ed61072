package images

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules/ptc/images/mapreduce"
)

// runMapReduce is the command map-reduce. The job's commands and the token come in environment variables: neither belongs
// into a list of processes.
func runMapReduce(ctx context.Context, arguments []string) error {
	roles := map[string]func(context.Context, []string) error{"coordinator": runCoordinator, "worker": runWorker}
	if len(arguments) == 0 || roles[arguments[0]] == nil {
		fmt.Fprintln(os.Stderr, "usage: map-reduce coordinator|worker ..., with --help for their flags")
		return errUsage
	}
	return roles[arguments[0]](ctx, arguments[1:])
}

func runCoordinator(ctx context.Context, arguments []string) error {
	var listen string
	with := mapreduce.Coordination{Now: time.Now, Token: os.Getenv(descriptors.MapReduceToken), Job: mapreduce.Job{
		Mapper: os.Getenv(descriptors.MapReduceMapper), Combiner: os.Getenv(descriptors.MapReduceCombiner),
		Reducer: os.Getenv(descriptors.MapReduceReducer),
	}}
	flags := flag.NewFlagSet("map-reduce coordinator", flag.ContinueOnError)
	flags.StringVar(&with.Input, "input", descriptors.MapReduceInput, "directory of the input")
	flags.StringVar(&with.Data, "data", "/var/lib/map-reduce", "directory of results and progress")
	flags.IntVar(&with.Job.Reducers, "reducers", descriptors.DefaultReducers, "number of reduce tasks")
	flags.Int64Var(&with.Job.Split, "split", int64(descriptors.DefaultSplit), "input of one map task in `BYTES`")
	flags.IntVar(&with.Job.Attempts, "attempts", descriptors.DefaultAttempts, "how often a task may be tried")
	flags.DurationVar(&with.Lease, "lease", mapreduce.DefaultLease, "how long a worker may be silent")
	if err := parse(flags, arguments, &listen); err != nil {
		return err
	}
	with.Input, with.Data = guest(with.Input), guest(with.Data)
	if err := os.MkdirAll(with.Data, 0o700); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("map-reduce: coordinates the job over %s at %s\n", with.Input, listener.Addr())
	return mapreduce.Coordinate(ctx, listener, with)
}

func runWorker(ctx context.Context, arguments []string) error {
	with := mapreduce.Employment{Name: os.Getenv("NAME"), Token: os.Getenv(descriptors.MapReduceToken)}
	flags := flag.NewFlagSet("map-reduce worker", flag.ContinueOnError)
	flags.StringVar(&with.Coordinator, "coordinator", "", "address of the coordinator: `HOST:PORT`")
	flags.IntVar(&with.Slots, "slots", 1, "how many tasks to work at side by side")
	flags.StringVar(&with.Scratch, "scratch", "", "directory for sorting; by default that of temporary files")
	err := flags.Parse(arguments)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return errUsage
	case with.Coordinator == "" || flags.NArg() > 0 || with.Slots < 1:
		fmt.Fprintln(os.Stderr, "map-reduce worker needs --coordinator HOST:PORT, at least 1 of --slots, and takes flags only")
		return errUsage
	}
	if with.Scratch != "" {
		with.Scratch = guest(with.Scratch)
	}
	if with.Name == "" {
		if with.Name, err = os.Hostname(); err != nil {
			return fmt.Errorf("a worker needs a name: %w", err)
		}
	}
	with.Environment = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, descriptors.MapReduceToken+"=") // which is the worker's alone
	})
	fmt.Printf("map-reduce: %s works for %s\n", with.Name, with.Coordinator)
	return mapreduce.Work(ctx, with)
}
