package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/agents/standalone"
	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/all"
)

// configuration is what an agency is told in its file. What is left out has a default.
type configuration struct {
	// Data is the agency's directory.
	Data string `yaml:"data"`
	// Listen is the address and port of the bus; 127.0.0.1 and any free port by default.
	Listen string `yaml:"listen"`
	// Log is the lowest level written to the log: debug, info (by default), warn or error.
	Log string `yaml:"log"`
	// Vendors by name, each with its module and what else the module wants to know.
	Vendors   map[string]yaml.Node `yaml:"vendors"`
	Intervals intervals            `yaml:"intervals"`

	file      string
	positions descriptors.Positions
}

// intervals are times that the agents have defaults for.
type intervals struct {
	// Offers is how long a vendor stands by its proposals.
	Offers quantity.Duration `yaml:"offers"`
	// Reconcile is the time between comparisons of a vendor's records with what its cloud lists.
	Reconcile quantity.Duration `yaml:"reconcile"`
	// Measure is the time between measurements.
	Measure quantity.Duration `yaml:"measure"`
	// Retention is how long the broker keeps what has ended.
	Retention quantity.Duration `yaml:"retention"`
}

// leastRetention leaves time to look at what has just ended.
const leastRetention = quantity.Duration(time.Hour)

// defaultVendor stands alone in an agency that was told of no vendors.
const defaultVendor = "vendors: { ptc-local: { module: ptc } }\n"

// readConfiguration reads the file, or the default if it has no name.
func (s *session) readConfiguration(name string) (configuration, error) {
	if name == "" {
		return decodeConfiguration("default", []byte(defaultVendor))
	}
	shown, content, err := s.readFile(name)
	if err != nil {
		return configuration{}, err
	}
	return decodeConfiguration(shown, content)
}

func decodeConfiguration(file string, content []byte) (configuration, error) {
	settings := configuration{file: file}
	positions, faults := descriptors.DecodeBytes(file, content, &settings)
	settings.positions = positions
	for _, check := range []func() *descriptors.Fault{settings.checkListen, settings.checkLog, settings.checkRetention} {
		if fault := check(); fault != nil {
			faults = append(faults, *fault)
		}
	}
	_, vendorFaults := settings.vendors()
	faults = append(faults, vendorFaults...)
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b descriptors.Fault) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return settings, &wrongFile{faults}
	}
	return settings, nil
}

func (c configuration) checkListen() *descriptors.Fault {
	if _, _, err := c.listen(); err != nil {
		fault := c.positions.Fault("listen", "%s", err)
		return &fault
	}
	return nil
}

func (c configuration) checkLog() *descriptors.Fault {
	if _, err := c.level(); err != nil {
		fault := c.positions.Fault("log", "%q is not a level; write debug, info, warn or error", c.Log)
		return &fault
	}
	return nil
}

func (c configuration) checkRetention() *descriptors.Fault {
	if c.Intervals.Retention != 0 && c.Intervals.Retention < leastRetention {
		fault := c.positions.Fault("intervals.retention", "%s is too short; write 1h or more", time.Duration(c.Intervals.Retention))
		return &fault
	}
	return nil
}

// listen is the host and the port of the bus, 0 for any.
func (c configuration) listen() (string, int, error) {
	if c.Listen == "" {
		return "127.0.0.1", 0, nil
	}
	host, text, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not an address and a port; write 127.0.0.1:4222", c.Listen)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not a port; write 127.0.0.1:4222", text)
	}
	return host, int(port), nil
}

func (c configuration) level() (zapcore.Level, error) {
	if c.Log == "" {
		return zapcore.InfoLevel, nil
	}
	return zapcore.ParseLevel(c.Log)
}

// vendors are the vendors' configurations sorted by name, and what is wrong with them; each module judges its own part.
func (c configuration) vendors() ([]standalone.Account, descriptors.Faults) {
	var found []standalone.Account
	var faults descriptors.Faults
	for _, name := range slices.Sorted(maps.Keys(c.Vendors)) {
		node := c.Vendors[name]
		path := "vendors." + name
		if err := proto.CheckName(name); err != nil {
			faults = append(faults, c.positions.KeyFault(path, "%s", err))
			continue
		}
		vendor, err := standalone.ReadAccount(name, &node)
		if err == nil && !slices.Contains(moduleNames(), vendor.Module) {
			path += ".module"
			err = fmt.Errorf("%q is not a module; there is %s", vendor.Module, strings.Join(moduleNames(), ", "))
		}
		var wrong *wrongFile
		switch {
		case errors.As(inFile(c.file, name, err), &wrong):
			faults = append(faults, wrong.faults...)
			continue
		case err != nil:
			faults = append(faults, c.positions.Fault(path, "%s", err))
			continue
		}
		faults = append(faults, c.moduleFaults(vendor)...)
		found = append(found, vendor)
	}
	return found, faults
}

// moduleFaults are what the module finds wrong with its part, before anything is made for it.
func (c configuration) moduleFaults(vendor standalone.Account) descriptors.Faults {
	at := slices.IndexFunc(all.Kinds(), func(kind vendormodules.Kind) bool { return kind.Name == vendor.Module })
	if at < 0 || all.Kinds()[at].Check == nil {
		return nil // told by its name, or judged when it is made
	}
	err := all.Kinds()[at].Check(vendor.Configuration)
	var wrong *wrongFile
	switch {
	case err == nil:
		return nil
	case errors.As(inFile(c.file, vendor.Name, err), &wrong):
		return wrong.faults
	}
	return descriptors.Faults{c.positions.KeyFault("vendors."+vendor.Name, "%s", err)}
}

// dataDirectory is where an agency keeps everything: the flag's, the variable's, the file's, or the usual one.
func (s *session) dataDirectory(flag string, settings configuration) (string, error) {
	directory := s.or(flag, "AGENCY_DATA")
	if directory == "" {
		directory = settings.Data
	}
	if directory == "" {
		directory = filepath.Join(s.stateDirectory(), "data")
	}
	directory, err := filepath.Abs(directory)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			return "", badInput("", "the data directory %s cannot be made: %s", directory, path.Err)
		}
		return "", err
	}
	return directory, nil
}
