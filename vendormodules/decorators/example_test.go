package decorators_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

func ExampleStack() {
	cloud := memory.New()
	calls := &decorators.Recorder{}
	module := decorators.Stack(cloud.Open("agency-1"), decorators.Options{
		Limit: decorators.LimitOptions{PerSecond: 100, Concurrent: 8},
		Scrub: func(text string) string { return strings.ReplaceAll(text, "hunter2", "[redacted]") },
		Calls: calls,
	})
	cloud.Inject("get", memory.Fault{Err: fmt.Errorf("hunter2 may not look: %w", vendormodules.ErrAuthentication)})

	_, err := module.Get(context.Background(), "r-1")
	fmt.Println(err)
	fmt.Println(errors.Is(err, vendormodules.ErrAuthentication), vendormodules.AbilitiesOf(module).Power != nil)
	fmt.Println(calls.Snapshot()[0].Operation, calls.Snapshot()[0].Errors)
	// Output:
	// memory: get: [redacted] may not look: authentication failed
	// true true
	// get map[authentication failed:1]
}
