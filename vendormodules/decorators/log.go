package decorators

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/vendormodules"
)

// The fields of a log line.
const (
	fieldOperation = "operation"
	fieldSubject   = "subject"
	fieldDuration  = "duration"
	fieldError     = "error"
)

// Log writes a line for each call, at level debug: the operation, the key or id that it is about, how long it took and
// the kind of its error. What the error says is left to whoever handles it.
func Log(module vendormodules.Module, log *zap.Logger, now func() time.Time) vendormodules.Module {
	surround := func(ctx context.Context, call call, do func(context.Context) error) error {
		began := now()
		err := do(ctx)
		if line := log.Check(zap.DebugLevel, "module called"); line != nil {
			line.Write(zap.String(fieldOperation, string(call.operation)), zap.String(fieldSubject, call.subject),
				zap.Duration(fieldDuration, now().Sub(began)), zap.String(fieldError, string(KindOf(err))))
		}
		return err
	}
	return &layer{Module: module, surround: surround}
}
