package decorators

import (
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/vendormodules"
)

// Options of a Stack.
type Options struct {
	Retry   RetryOptions
	Breaker BreakerOptions
	Limit   LimitOptions
	// Calls, unless nil, has the figures of calls as they were made to the stack, Attempts those of calls as they were
	// made to the module, without the waiting.
	Calls, Attempts *Recorder
	// Scrub takes secrets out of a text; nil leaves texts as they are.
	Scrub func(string) string
	// Log, unless nil, has a line for each call.
	Log *zap.Logger
	// Clock is the machine's if its functions are nil. A circuit breaker always goes by the machine's.
	Clock Clock
}

// Stack puts all decorators round a module. From the outside in:
//
//   - Redact comes first, so that nothing leaves unscrubbed, whichever of the others put it into words;
//   - Log and the Calls figures tell of a call as its caller sees it, with every try and every wait;
//   - Retry is outside the breaker, so that each try counts for it, and a circuit that opens meanwhile ends the tries;
//   - Breaker is outside the limit, so that calls not to be made wait for nothing and take nobody's turn;
//   - Limit is next to the module, so that every try that reaches the cloud has had its turn;
//   - the Attempts figures tell how the cloud itself does.
func Stack(module vendormodules.Module, options Options) vendormodules.Module {
	clock := options.Clock
	if clock.Now == nil || clock.Sleep == nil {
		clock = SystemClock()
	}
	if options.Attempts != nil {
		module = Measure(module, options.Attempts, clock.Now)
	}
	module = Limit(module, options.Limit, clock)
	module = Breaker(module, options.Breaker)
	module = Retry(module, options.Retry, clock)
	if options.Calls != nil {
		module = Measure(module, options.Calls, clock.Now)
	}
	if options.Log != nil {
		module = Log(module, options.Log, clock.Now)
	}
	if options.Scrub != nil {
		module = Redact(module, options.Scrub)
	}
	return module
}
