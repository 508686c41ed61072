package openstack

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/cloud-agency/agency/vendormodules"
	agency "github.com/cloud-agency/agency/vendormodules/services"
)

// Start implements vendormodules.Power.
func (m *Module) Start(ctx context.Context, id string) error {
	return m.power(ctx, "start "+id, id, "ACTIVE", func(s *session) error {
		return servers.Start(ctx, s.compute, id).ExtractErr()
	})
}

// Stop implements vendormodules.Power.
func (m *Module) Stop(ctx context.Context, id string) error {
	return m.power(ctx, "stop "+id, id, "SHUTOFF", func(s *session) error {
		return servers.Stop(ctx, s.compute, id).ExtractErr()
	})
}

// Reboot implements vendormodules.Power. A machine that cannot be asked to restart itself, as one that does not run, is
// switched off and on.
func (m *Module) Reboot(ctx context.Context, id string) error {
	return m.power(ctx, "reboot "+id, id, "", func(s *session) error {
		err := reboot(ctx, s, id, servers.SoftReboot)
		if errors.Is(translate(err), vendormodules.ErrConflict) {
			err = reboot(ctx, s, id, servers.HardReboot)
		}
		return err
	})
}

func reboot(ctx context.Context, s *session, id string, method servers.RebootMethod) error {
	return servers.Reboot(ctx, s.compute, id, servers.RebootOpts{Type: method}).ExtractErr()
}

// power asks for a change. Nova refuses it while it is still at an earlier one, which no state shows: it is asked again
// after that. What is in the wanted status already is left alone.
func (m *Module) power(ctx context.Context, what, id, wanted string, act func(*session) error) error {
	return m.do(ctx, agency.Scope{}, what, func(s *session) error {
		if err := m.known(ctx, s, id); err != nil {
			return err
		}
		err := act(s)
		if !errors.Is(translate(err), vendormodules.ErrConflict) {
			return err
		}
		now, failure := m.idle(ctx, s, id)
		if failure != nil || now.Status == wanted {
			return failure
		}
		return act(s)
	})
}

// idle waits until Nova does nothing to a server.
func (m *Module) idle(ctx context.Context, s *session, id string) (servers.Server, error) {
	var now servers.Server
	err := until(ctx, "server "+id+" is idle", func() (bool, error) {
		var err error
		now, err = m.server(ctx, s, id)
		return now.TaskState == "", err
	})
	return now, err
}

// Console implements vendormodules.Console: all that the cloud still has of it.
func (m *Module) Console(ctx context.Context, id string) (io.ReadCloser, error) {
	var printed string
	err := m.do(ctx, agency.Scope{}, "console of "+id, func(s *session) (err error) {
		if err := m.known(ctx, s, id); err != nil {
			return err
		}
		printed, err = servers.ShowConsoleOutput(ctx, s.compute, id, servers.ShowConsoleOutputOpts{}).Extract()
		return err
	})
	if err != nil {
		return nil, err
	}
	return io.NopCloser(strings.NewReader(printed)), nil
}
