package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules"
)

// Kind is a cloud of shelves: every volume is a directory of its own.
func Kind() vendormodules.Kind {
	return vendormodules.Kind{Name: "shelf", New: newModule}
}

type module struct{ directory, agency string }

var _ vendormodules.Module = (*module)(nil)

// configuration is what stands beside `module: shelf`: where the shelves are, by default below the agent's --data.
type configuration struct {
	Directory string `yaml:"directory"`
}

func newModule(_ context.Context, node *yaml.Node, environment vendormodules.Environment) (vendormodules.Module, error) {
	settings := configuration{Directory: environment.Directory}
	if _, faults := descriptors.Decode("", "", node, &settings); len(faults) > 0 {
		return nil, faults
	}
	return &module{directory: settings.Directory, agency: environment.Agency}, nil
}

// label stands in each directory and says whose it is.
const label = "label.json"

// Describe implements vendormodules.Module.
func (m *module) Describe() vendormodules.Description {
	return vendormodules.Description{
		Kind: "shelf", Version: "1", Types: []descriptors.ResourceType{descriptors.Volume}, CreateToken: true,
		Notes: []string{"sizes are not enforced"},
	}
}

// Quote implements vendormodules.Module.
func (m *module) Quote(_ context.Context, class descriptors.Class) (vendormodules.Quote, error) {
	gibibytes := (int64(class.Size) + 1<<30 - 1) >> 30
	return vendormodules.Quote{
		Unit:         quantity.Rate{PerHour: quantity.Money{Micros: 100 * max(gibibytes, 1), Currency: "EUR"}},
		Availability: 0.999, Use: vendormodules.Usage{Storage: class.Size},
	}, nil
}

// Capacity implements vendormodules.Module.
func (m *module) Capacity(context.Context) (vendormodules.Usage, error) {
	return vendormodules.Usage{Storage: 10 << 30}, nil
}

// Create implements vendormodules.Module. The directory is named by the key, so that a repeat finds it there.
func (m *module) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	if made, err := m.Get(ctx, request.Key); !errors.Is(err, vendormodules.ErrNotFound) {
		return made, err
	}
	made := vendormodules.Resource{
		ID: request.Key, Key: request.Key, Name: request.Name, Type: request.Class.Type, Tags: request.Tags,
		State: vendormodules.ResourceRunning, Created: time.Now().UTC(),
	}
	content, err := json.Marshal(made)
	if err != nil {
		return made, err
	}
	// It is filled beside its place and put there in one step: what is listed is whole.
	fresh, err := os.MkdirTemp(m.directory, ".new-*")
	if err != nil {
		return made, fmt.Errorf("shelf: create %s: %w", request.Name, err)
	}
	err = os.WriteFile(filepath.Join(fresh, label), content, 0o600)
	if err == nil {
		err = os.Rename(fresh, filepath.Join(m.directory, request.Key))
	}
	if err != nil {
		return made, errors.Join(fmt.Errorf("shelf: create %s: %w", request.Name, err), os.RemoveAll(fresh))
	}
	return made, nil
}

// Get implements vendormodules.Module.
func (m *module) Get(_ context.Context, id string) (vendormodules.Resource, error) {
	var found vendormodules.Resource
	content, err := os.ReadFile(filepath.Join(m.directory, filepath.Base(id), label))
	if errors.Is(err, fs.ErrNotExist) {
		return found, fmt.Errorf("shelf: %s: %w", id, vendormodules.ErrNotFound)
	}
	if err == nil {
		err = json.Unmarshal(content, &found)
	}
	return found, err
}

// List implements vendormodules.Module.
func (m *module) List(ctx context.Context) ([]vendormodules.Resource, error) {
	labels, err := filepath.Glob(filepath.Join(m.directory, "[^.]*", label))
	if err != nil {
		return nil, err
	}
	var listed []vendormodules.Resource
	for _, path := range labels {
		found, err := m.Get(ctx, filepath.Base(filepath.Dir(path)))
		switch {
		case errors.Is(err, vendormodules.ErrNotFound): // deleted meanwhile
		case err != nil:
			return nil, err
		case found.Tags.Agency == m.agency:
			listed = append(listed, found)
		}
	}
	return listed, nil
}

// Delete implements vendormodules.Module.
func (m *module) Delete(ctx context.Context, id string) error {
	if _, err := m.Get(ctx, id); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(m.directory, filepath.Base(id)))
}

// Close implements vendormodules.Module.
func (m *module) Close() error { return nil }
