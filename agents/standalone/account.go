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
	// Configuration is the module's own part: all but the module's name and the limits.
	Configuration *yaml.Node
	// Limits of what the agent asks the cloud for, the same for every module.
	Limits Limits
}

// ReadAccount takes the module's name and the limits out of a vendor's part of a configuration, of which the rest is the
// module's. The error is descriptors.Faults where the limits are wrong.
func ReadAccount(name string, node *yaml.Node) (Account, error) {
	if node.Kind != yaml.MappingNode {
		return Account{}, errors.New("write a mapping such as { module: ptc }")
	}
	rest := *node
	rest.Content = nil
	account := Account{Name: name, Configuration: &rest}
	for i := 0; i+1 < len(node.Content); i += 2 {
		switch node.Content[i].Value {
		case "module":
			account.Module = node.Content[i+1].Value
			continue
		case "limits":
			var err error
			if account.Limits, err = readLimits(node.Content[i+1]); err != nil {
				return account, err
			}
			continue
		}
		rest.Content = append(rest.Content, node.Content[i], node.Content[i+1])
	}
	if account.Module == "" {
		return account, errors.New("names no module; write module: ptc")
	}
	return account, nil
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
	module, err := kind.New(ctx, account.Configuration, vendormodules.Environment{
		Vendor: account.Name, Agency: place.Peer.Agency(), Directory: directory, Program: program,
		Credentials: place.Scrubber.Credentials(vault), Store: kept, Log: place.Log.Named(account.Module), Now: time.Now,
		HTTP: http.DefaultTransport,
	})
	if err != nil {
		return nil, nil, errors.Join(err, kept.Close())
	}
	return module, func() error { return errors.Join(module.Close(), kept.Close()) }, nil
}
