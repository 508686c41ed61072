package standalone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/agents/vendor"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Account is what a configuration says of one vendor.
type Account struct {
	// Name of the vendor, Module the kind of its cloud.
	Name, Module string
	// Configuration is the module's own part: all but the module's name, the limits and the negotiation.
	Configuration *yaml.Node
	// Limits of what the agent asks the cloud for, and how far it comes down from its prices, the same for every module.
	Limits      Limits
	Negotiation vendor.Negotiation
}

// ReadAccount takes the module's name and what is the same for every module out of a vendor's part of a configuration, of
// which the rest is the module's. The error is descriptors.Faults where the limits or the negotiation are wrong.
func ReadAccount(name string, node *yaml.Node) (Account, error) {
	if node.Kind != yaml.MappingNode {
		return Account{}, errors.New("write a mapping such as { module: ptc }")
	}
	rest := *node
	rest.Content = nil
	account := Account{Name: name, Configuration: &rest}
	for i := 0; i+1 < len(node.Content); i += 2 {
		var err error
		switch value := node.Content[i+1]; node.Content[i].Value {
		case "module":
			account.Module = value.Value
		case "limits":
			account.Limits, err = readLimits(value)
		case "negotiation":
			account.Negotiation, err = readNegotiation(value)
		default:
			rest.Content = append(rest.Content, node.Content[i], value)
		}
		if err != nil {
			return account, err
		}
	}
	if account.Module == "" {
		return account, errors.New("names no module; write module: ptc")
	}
	return account, nil
}

// named is a mapping of one name alone, whose faults are told by that name.
func named(name string, value *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Line: value.Line, Column: value.Column, Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Tag: "!!str", Value: name, Line: value.Line, Column: value.Column}, value,
	}}
}

// Place is where an agent lives. Everything is required but the durations, which have the agent's defaults.
type Place struct {
	Peer  *bus.Peer
	Store services.Store
	Log   *zap.Logger
	// Directory of the agent's own.
	Directory string
	Scrubber  *services.Scrubber
	// OfferValidity is how long proposals stand, ReconcileEvery the time between looks at what the cloud lists.
	OfferValidity, ReconcileEvery time.Duration
}

// New makes the agent of an account with a module of one of the kinds. What it returns beside is called after the agent
// has ended.
func New(
	ctx context.Context, kinds []vendormodules.Kind, account Account, place Place,
) (agent *vendor.Agent, closes func() error, err error) {
	key, err := services.LoadOrCreateKey(filepath.Join(place.Directory, "vault.key"))
	if err != nil {
		return nil, nil, err
	}
	vault := services.NewVault(place.Store, key, time.Now)
	module, closes, err := newModule(ctx, kinds, account, vault, place)
	if err != nil {
		return nil, nil, err
	}
	agent, err = vendor.New(vendor.Options{
		Peer: place.Peer, Store: place.Store, Module: module, Vault: vault, Log: place.Log,
		Decorators:     account.Limits.decorators(place.Log.Named(account.Module), place.Scrubber.Text),
		Directory:      filepath.Join(place.Directory, "work"),
		Negotiation:    account.Negotiation,
		OfferValidity:  place.OfferValidity,
		ReconcileEvery: place.ReconcileEvery,
	})
	if err != nil {
		return nil, nil, errors.Join(err, closes())
	}
	return agent, closes, nil
}

// newModule makes the module with a store of its own, apart from the agent's.
func newModule(
	ctx context.Context, kinds []vendormodules.Kind, account Account, vault *services.Vault, place Place,
) (vendormodules.Module, func() error, error) {
	kind, err := vendormodules.FindKind(kinds, account.Module)
	if err != nil {
		return nil, nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	directory := filepath.Join(place.Directory, account.Module)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the module's directory: %w", err)
	}
	kept, err := store.OpenSQLite(ctx, filepath.Join(place.Directory, account.Module+".db"))
	if err != nil {
		return nil, nil, err
	}
	module, err := open(ctx, kind, account.Configuration, vendormodules.Environment{
		Vendor: account.Name, Agency: place.Peer.Agency(), Directory: directory, Program: program,
		Credentials: place.Scrubber.Credentials(vault), Store: kept, Log: place.Log.Named(account.Module), Now: time.Now,
		HTTP: http.DefaultTransport,
	})
	if err != nil {
		return nil, nil, errors.Join(err, kept.Close())
	}
	return module, func() error { return errors.Join(module.Close(), kept.Close()) }, nil
}

// openWithin is how long a cloud has to say what it can do, for which its agent does not serve yet.
const openWithin = 5 * time.Second

// open makes a module that knows what its cloud can do. One whose cloud does not say so is believed to be able to do all
// that its kind is.
func open(
	ctx context.Context, kind vendormodules.Kind, configuration *yaml.Node, environment vendormodules.Environment,
) (vendormodules.Module, error) {
	if kind.Open == nil {
		return kind.New(ctx, configuration, environment)
	}
	asking, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	module, silence := kind.Open(asking, configuration, environment)
	if silence == nil {
		return module, nil
	}
	module, err := kind.New(ctx, configuration, environment)
	if err == nil {
		environment.Log.Warn("the cloud does not say what it can do, and is believed to do all that such clouds can", zap.Error(silence))
	}
	return module, err
}
