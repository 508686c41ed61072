package standalone

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// TestASilentCloudIsBelievedAble: a module is by what the cloud says, else by what its kind can do; that it said nothing is
// logged. A configuration that is wrong is an error either way.
func TestASilentCloudIsBelievedAble(t *testing.T) {
	asked, unasked := memory.New().Open("asked"), memory.New().Open("unasked")
	wrong := errors.New("the configuration is wrong")
	type maker = func(context.Context, *yaml.Node, vendormodules.Environment) (vendormodules.Module, error)
	makes := func(module vendormodules.Module, err error) maker {
		return func(context.Context, *yaml.Node, vendormodules.Environment) (vendormodules.Module, error) {
			return module, err
		}
	}
	hangs := func(ctx context.Context, _ *yaml.Node, _ vendormodules.Environment) (vendormodules.Module, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for name, test := range map[string]struct {
		open, create maker
		want         vendormodules.Module
		wantErr      error
		warnings     int
		after        time.Duration
	}{
		"it has nothing to ask": {nil, makes(unasked, nil), unasked, nil, 0, 0},
		"it answers":            {makes(asked, nil), makes(unasked, nil), asked, nil, 0, 0},
		"it refuses":            {makes(nil, vendormodules.ErrAuthentication), makes(unasked, nil), unasked, nil, 1, 0},
		"it is silent":          {hangs, makes(unasked, nil), unasked, nil, 1, openWithin},
		"no module is made":     {makes(nil, wrong), makes(nil, wrong), nil, wrong, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logged := observer.New(zap.WarnLevel)
				began := time.Now()
				module, err := open(t.Context(), vendormodules.Kind{New: test.create, Open: test.open}, nil, vendormodules.Environment{Log: zap.New(core)})
				if module != test.want || !errors.Is(err, test.wantErr) || logged.Len() != test.warnings || time.Since(began) != test.after {
					t.Errorf("%v, %v, %d warnings after %s", module, err, logged.Len(), time.Since(began))
				}
			})
		})
	}
}
