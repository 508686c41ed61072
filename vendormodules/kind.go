package vendormodules

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// Kind makes modules of one kind of cloud. The kinds that a program knows are a plain list of these.
type Kind struct {
	Name string
	// Check, unless nil, says what is wrong with a configuration as New would, and does no I/O at all.
	Check func(configuration *yaml.Node) error
	// New makes a module of its configuration, the vendor's own part of the agency's configuration file. It does no
	// I/O beyond the local directory it is given; faults of the configuration are reported all at once, each with its
	// line and column.
	New func(ctx context.Context, configuration *yaml.Node, environment Environment) (Module, error)
	// Open, unless nil, makes a module like New, and asks the cloud what it can do: the module's abilities and notes are
	// by its answer. Those of one by New are by what such clouds can do at best, where using what this one lacks is
	// ErrUnsupported.
	Open func(ctx context.Context, configuration *yaml.Node, environment Environment) (Module, error)
}

// FindKind returns the kind of a name. The error says which kind was probably meant, else which there are.
func FindKind(kinds []Kind, name string) (Kind, error) {
	names := make([]string, 0, len(kinds))
	for _, kind := range kinds {
		if kind.Name == name {
			return kind, nil
		}
		names = append(names, kind.Name)
	}
	if nearest, found := descriptors.Nearest(name, names); found {
		return Kind{}, fmt.Errorf("%q is no kind of cloud; did you mean %q?", name, nearest)
	}
	return Kind{}, fmt.Errorf("%q is no kind of cloud; there is %s", name, strings.Join(names, ", "))
}

// Environment is what a vendor agent hands to its module.
type Environment struct {
	// Vendor is the name of the vendor agent, unique in the agency; Agency is the agency's id.
	Vendor, Agency string
	// Directory belongs to the module alone, and outlives it.
	Directory string
	// Program is the path of the agency's program, for modules that run it.
	Program     string
	Credentials services.Credentials
	Store       services.Store
	Log         *zap.Logger
	Now         func() time.Time
	HTTP        http.RoundTripper
}
