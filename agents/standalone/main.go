package standalone

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Main runs a vendor agent with modules of the kinds, as the command line says, until the program is told to stop, and
// returns the exit code: 0, 1 if it failed, 2 if what it was given makes no sense.
func Main(kinds ...vendormodules.Kind) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := Run(ctx, kinds, os.Args[1:], os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// errUsage is wrapped by the errors of what the program was given.
var errUsage = errors.New("cannot be run like this")

// flags are the command line.
type flags struct {
	credentials, nats, config, data string
}

func parse(arguments []string, output io.Writer) (flags, error) {
	var parsed flags
	set := flag.NewFlagSet(filepath.Base(os.Args[0]), flag.ContinueOnError)
	set.SetOutput(output)
	set.StringVar(&parsed.credentials, "credentials", os.Getenv("AGENCY_CREDENTIALS"), "the agent's `file` from agency enrol ($AGENCY_CREDENTIALS)")
	set.StringVar(&parsed.nats, "nats", os.Getenv("AGENCY_NATS"), "`URL` of the bus ($AGENCY_NATS); the one in the credentials by default")
	set.StringVar(&parsed.config, "config", os.Getenv("AGENCY_CONFIG"), "configuration `file` with the vendor in it ($AGENCY_CONFIG)")
	set.StringVar(&parsed.data, "data", "data", "`directory` of the agent's own")
	if err := set.Parse(arguments); err != nil {
		return parsed, errors.Join(errUsage, err)
	}
	if set.NArg() > 0 || parsed.credentials == "" {
		return parsed, fmt.Errorf("%w: give --credentials FILE, and flags only", errUsage)
	}
	return parsed, nil
}

// configuration is the part of an agency's configuration that one vendor's agent reads.
type configuration struct {
	Vendors   map[string]yaml.Node `yaml:"vendors"`
	Intervals struct {
		Offers    quantity.Duration `yaml:"offers"`
		Reconcile quantity.Duration `yaml:"reconcile"`
	} `yaml:"intervals"`
}

// Run is Main with a context, arguments and somewhere to log to. What the agent must not forget is in its directory, so
// that it may be killed at any moment.
func Run(ctx context.Context, kinds []vendormodules.Kind, arguments []string, log io.Writer) (err error) {
	given, err := parse(arguments, log)
	if err != nil {
		return err
	}
	credentials, err := bus.LoadCredentials(given.credentials)
	if err != nil {
		return err
	}
	if credentials.Identity.Role != proto.RoleVendor {
		return fmt.Errorf("%w: %s holds the credentials of %s", errUsage, given.credentials, credentials.Identity)
	}
	settings, account, err := read(given.config, credentials.Identity.Name, kinds)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(given.data, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	kept, err := store.OpenSQLite(ctx, filepath.Join(given.data, "store.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	scrubber := services.NewScrubber()
	logger := services.NewLogger(services.LogOptions{Writer: log, Scrubber: scrubber}).Named(credentials.Identity.String())
	peer, err := bus.Connect(ctx, bus.Options{URL: given.nats, Wait: true, Credentials: credentials, Log: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, peer.Close()) }()
	agent, closes, err := New(ctx, kinds, account, Place{
		Peer: peer, Store: kept, Log: logger, Directory: given.data, Scrubber: scrubber,
		OfferValidity: time.Duration(settings.Intervals.Offers), ReconcileEvery: time.Duration(settings.Intervals.Reconcile),
	})
	if err != nil {
		return fmt.Errorf("vendor %s: %w", account.Name, err)
	}
	defer func() { err = errors.Join(err, closes()) }()
	return agent.Run(ctx)
}

// read reads the vendor's part of a configuration file. Without a file a program that knows one kind of cloud takes
// that, with its defaults.
func read(file, name string, kinds []vendormodules.Kind) (configuration, Account, error) {
	var settings configuration
	if file == "" {
		if len(kinds) != 1 {
			return settings, Account{}, fmt.Errorf("%w: give --config FILE", errUsage)
		}
		return settings, Account{Name: name, Module: kinds[0].Name, Configuration: &yaml.Node{Kind: yaml.MappingNode}}, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return settings, Account{}, err
	}
	if _, faults := descriptors.DecodeBytes(file, content, &settings); len(faults) > 0 {
		lines := make([]string, len(faults))
		for i, fault := range faults {
			lines[i] = fault.String()
		}
		return settings, Account{}, fmt.Errorf("%w:\n%s", errUsage, strings.Join(lines, "\n"))
	}
	node, named := settings.Vendors[name]
	if !named {
		return settings, Account{}, fmt.Errorf("%w: %s names no vendor %s", errUsage, file, name)
	}
	account, err := ReadAccount(name, &node)
	if err != nil {
		return settings, account, fmt.Errorf("%w: %s: vendors.%s: %w", errUsage, file, name, err)
	}
	return settings, account, nil
}
