package decorators_test

import (
	"context"
	"io"
	"maps"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

func same(text string) string { return text }

// everyDecorator is each of them by name, and all together.
func everyDecorator() map[string]func(vendormodules.Module) vendormodules.Module {
	clock := decorators.SystemClock()
	return map[string]func(vendormodules.Module) vendormodules.Module{
		"retry": func(module vendormodules.Module) vendormodules.Module {
			return decorators.Retry(module, decorators.RetryOptions{}, clock)
		},
		"limit": func(module vendormodules.Module) vendormodules.Module {
			return decorators.Limit(module, decorators.LimitOptions{PerSecond: 1e6, Concurrent: 8}, clock)
		},
		"breaker": func(module vendormodules.Module) vendormodules.Module {
			return decorators.Breaker(module, decorators.BreakerOptions{})
		},
		"measure": func(module vendormodules.Module) vendormodules.Module {
			return decorators.Measure(module, &decorators.Recorder{}, time.Now)
		},
		"log": func(module vendormodules.Module) vendormodules.Module {
			return decorators.Log(module, zap.NewNop(), time.Now)
		},
		"redact": func(module vendormodules.Module) vendormodules.Module { return decorators.Redact(module, same) },
		"stack": func(module vendormodules.Module) vendormodules.Module {
			return decorators.Stack(module, decorators.Options{
				Calls: &decorators.Recorder{}, Attempts: &decorators.Recorder{}, Log: zap.NewNop(), Scrub: same,
			})
		},
	}
}

// TestAbilities sees a decorated module have what the module inside has, and nothing else.
func TestAbilities(t *testing.T) {
	whole := memory.New().Open(memory.Agency)
	type module = vendormodules.Module
	inside := map[string]module{
		"none": struct{ module }{whole},
		"power": struct {
			module
			vendormodules.Power
		}{whole, whole},
		"attacher": struct {
			module
			vendormodules.Attacher
		}{whole, whole},
		"balancer": struct {
			module
			vendormodules.Balancer
		}{whole, whole},
		"meter": struct {
			module
			vendormodules.Meter
		}{whole, whole},
		"console": consoleOnly{whole, whole},
		"executor": struct {
			module
			vendormodules.Executor
		}{whole, whole},
		"files": struct {
			module
			vendormodules.Files
		}{whole, whole},
		"snapshotter": struct {
			module
			vendormodules.Snapshotter
		}{whole, whole},
		"imager": struct {
			module
			vendormodules.Imager
		}{whole, whole},
		"catalogue": struct {
			module
			vendormodules.Catalogue
		}{whole, whole},
		"credentials": struct {
			module
			vendormodules.CredentialChecker
		}{whole, whole},
		"power, meter": struct {
			module
			vendormodules.Power
			vendormodules.Meter
		}{whole, whole, whole},
		"all": whole,
	}
	for name, inner := range inside {
		for decorator, wrap := range everyDecorator() {
			got, want := present(wrap(inner)), present(inner)
			if !maps.Equal(got, want) {
				t.Errorf("%s round a module with %s: its abilities are %v, should be %v", decorator, name, got, want)
			}
		}
	}
	for ability, has := range present(whole) {
		if !has && ability != "resizer" {
			t.Errorf("the module with all has no %s", ability)
		}
	}
}

type consoleOnly struct {
	vendormodules.Module
	inside vendormodules.Console
}

func (c consoleOnly) Console(ctx context.Context, id string) (io.ReadCloser, error) {
	return c.inside.Console(ctx, id)
}

func present(module vendormodules.Module) map[string]bool {
	abilities := vendormodules.AbilitiesOf(module)
	return map[string]bool{
		"power":       abilities.Power != nil,
		"attacher":    abilities.Attacher != nil,
		"balancer":    abilities.Balancer != nil,
		"meter":       abilities.Meter != nil,
		"console":     abilities.Console != nil,
		"executor":    abilities.Executor != nil,
		"files":       abilities.Files != nil,
		"snapshotter": abilities.Snapshotter != nil,
		"imager":      abilities.Imager != nil,
		"resizer":     abilities.Resizer != nil,
		"catalogue":   abilities.Catalogue != nil,
		"credentials": abilities.Credentials != nil,
	}
}

// TestConformance sees that a module in all decorators is as good a module as the one inside.
func TestConformance(t *testing.T) {
	wrap := everyDecorator()["stack"]
	vendortest.Run(t, memory.Provider(func(_ *memory.Cloud, module *memory.Module) vendormodules.Module {
		return wrap(module)
	}))
}
