package decorators

import (
	"context"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
)

// Measure enters every call in a recorder.
func Measure(module vendormodules.Module, recorder *Recorder, now func() time.Time) vendormodules.Module {
	surround := func(ctx context.Context, call call, do func(context.Context) error) error {
		began := now()
		err := do(ctx)
		recorder.record(call.operation, now().Sub(began), KindOf(err))
		return err
	}
	return &layer{Module: module, surround: surround}
}
