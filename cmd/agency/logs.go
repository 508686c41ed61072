package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/cloud-agency/agency/agents/client"
	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/proto"
)

type logsVerb struct {
	Agent  string         `arg:"" optional:"" help:"broker, deployer, monitor or a vendor's name; all by default."`
	Follow bool           `short:"f" help:"Go on with what is logged next."`
	Level  string         `enum:"debug,info,warn,error" default:"debug" placeholder:"LEVEL" help:"The lowest level to show: debug (what agents log depends on their own level), info, warn or error."`
	Since  time.Duration  `placeholder:"SPAN" help:"Only as far back as that: 90s, 10m, 2h."`
	Output present.Format `short:"o" enum:"table,json,yaml" default:"table" placeholder:"FORMAT" help:"table, json (an entry a line) or yaml."`
	target
}

// Help implements kong.HelpProvider.
func (logsVerb) Help() string {
	return example("agency logs -f", "agency logs ptc-athens --level warn --since 1h", "agency logs -o json | jq .message")
}

// Run shows what agents logged, oldest first.
func (v logsVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	watching := client.LogWatching{Follow: v.Follow}
	if watching.Source, err = v.source(ctx, agency); err != nil {
		return err
	}
	if v.Since > 0 {
		watching.Since = s.now().Add(-v.Since)
	}
	least, err := zapcore.ParseLevel(v.Level)
	if err != nil {
		return badInput("write debug, info, warn or error", "%q is not a level", v.Level)
	}
	return agency.Logs(ctx, watching, func(entry client.LogEntry) error {
		if level, err := zapcore.ParseLevel(entry.Level); err == nil && level < least {
			return nil
		}
		return s.showLogEntry(v.Output, entry)
	})
}

// source is the name under which an agent logs. One that nobody has is said to be so, since nothing would ever be shown.
func (v logsVerb) source(ctx context.Context, agency *client.Client) (string, error) {
	name := strings.TrimPrefix(v.Agent, string(proto.RoleVendor)+".")
	if name == "" || proto.Role(name).Singleton() {
		return name, nil
	}
	vendors, err := agency.Vendors(ctx)
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(vendors, func(vendor proto.VendorStatus) bool { return vendor.Name == name }) {
		return "", &client.Error{
			Code: client.CodeNotFound, Message: fmt.Sprintf("no agent is called %q", v.Agent),
			Hint: "there are broker, deployer, monitor, and those that `agency vendors` lists",
		}
	}
	return name, nil
}

func (s *session) showLogEntry(format present.Format, entry client.LogEntry) error {
	switch format {
	case present.FormatJSON:
		return present.Compact(s.out, entry)
	case present.FormatYAML:
		if _, err := s.out.Write([]byte("---\n")); err != nil {
			return err
		}
		return present.Document(s.out, format, entry)
	}
	level := present.Pad(strings.ToUpper(entry.Level), len("ERROR"))
	switch entry.Level {
	case "error":
		level = s.screen.Paint(present.Bad, level)
	case "warn":
		level = s.screen.Paint(present.Watch, level)
	}
	line := s.screen.Clock(entry.Time) + "  " + level + "  " + present.Pad(entry.Source, 12) + "  "
	hang := present.Width(line)
	s.screen.Line("%s", s.screen.Record(line+entry.Message+fieldsText(entry.Fields), hang))
	return nil
}

// fieldsText writes the fields of a log entry that say something as NAME=VALUE, sorted.
func fieldsText(encoded json.RawMessage) string {
	var fields map[string]any
	if len(encoded) == 0 || json.Unmarshal(encoded, &fields) != nil {
		return ""
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value, is := fields[name].(string)
		if !is {
			written, err := json.Marshal(fields[name])
			if err != nil {
				continue
			}
			value = string(written)
		}
		if value == "" {
			continue
		}
		if strings.ContainsAny(value, " \t\n\"=") {
			value = fmt.Sprintf("%q", value)
		}
		text.WriteString("  " + name + "=" + value)
	}
	return text.String()
}
