package decorators_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/decorators"
	"github.com/cloud-agency/agency/vendormodules/vendortest/memory"
)

// TestRetryRepeats tells for every operation whether a transient failure is tried again.
func TestRetryRepeats(t *testing.T) {
	for operation, want := range map[string]int{
		"quote": 3, "capacity": 3, "get": 3, "list": 3, "delete": 3, "create": 3,
		"start": 3, "stop": 3, "reboot": 1, "set-targets": 3, "attach": 3, "detach": 3, "measure": 3, "console": 3,
	} {
		cloud := memory.New()
		id := started(t, cloud)
		before := cloud.Calls(operation)
		cloud.Inject(operation, faults(2, errLost)...)
		module := decorators.Retry(cloud.Open(memory.Agency), decorators.RetryOptions{}, newManual().clock())
		_ = perform(t.Context(), module, operation, id) // some end otherwise than well, as the machine is no balancer
		if tries := cloud.Calls(operation) - before; tries != want {
			t.Errorf("%s is tried %d times, should be %d", operation, tries, want)
		}
	}
}

// perform calls an operation by its name.
func perform(ctx context.Context, module vendormodules.Module, operation, id string) (err error) {
	abilities := vendormodules.AbilitiesOf(module)
	switch operation {
	case "quote":
		_, err = module.Quote(ctx, machine("").Class)
	case "capacity":
		_, err = module.Capacity(ctx)
	case "create":
		_, err = module.Create(ctx, machine("second"))
	case "get":
		_, err = module.Get(ctx, id)
	case "list":
		_, err = module.List(ctx)
	case "delete":
		err = module.Delete(ctx, id)
	case "start":
		err = abilities.Power.Start(ctx, id)
	case "stop":
		err = abilities.Power.Stop(ctx, id)
	case "reboot":
		err = abilities.Power.Reboot(ctx, id)
	case "set-targets":
		err = abilities.Balancer.SetTargets(ctx, id, nil)
	case "attach":
		err = abilities.Attacher.Attach(ctx, id, id, "/")
	case "detach":
		err = abilities.Attacher.Detach(ctx, id, id)
	case "measure":
		_, err = abilities.Meter.Measure(ctx, id)
	case "console":
		_, err = abilities.Console.Console(ctx, id)
	default:
		panic("no operation " + operation)
	}
	return err
}

func TestRetryOfCreate(t *testing.T) {
	t.Run("with a token", func(t *testing.T) {
		cloud := memory.New()
		cloud.Inject("create", memory.Fault{Err: errLost, Done: true})
		module := decorators.Retry(cloud.Open(memory.Agency), decorators.RetryOptions{}, newManual().clock())
		if _, err := module.Create(t.Context(), machine("a")); err != nil || cloud.Count() != 1 {
			t.Errorf("a create whose answer was lost: %v, and there are %d machines", err, cloud.Count())
		}
	})
	t.Run("without", func(t *testing.T) {
		cloud := memory.New()
		cloud.Inject("create", memory.Fault{Err: errLost, Done: true})
		bare := tokenless{cloud.Open(memory.Agency)}
		module := decorators.Retry(bare, decorators.RetryOptions{}, newManual().clock())
		_, err := module.Create(t.Context(), machine("a"))
		wants(t, err, vendormodules.ErrTransient)
		if calls := cloud.Calls("create"); calls != 1 {
			t.Errorf("a create that must not be repeated was called %d times", calls)
		}
	})
}

func TestRetryOfDefiniteAnswers(t *testing.T) {
	for _, answer := range []error{
		vendormodules.ErrNotFound, vendormodules.ErrQuota, vendormodules.ErrNoCapacity, vendormodules.ErrUnsupported,
		vendormodules.ErrAuthentication, vendormodules.ErrConflict, vendormodules.ErrInvalid, errors.New("unmapped"),
	} {
		cloud := memory.New()
		cloud.Inject("list", memory.Fault{Err: answer})
		module := decorators.Retry(cloud.Open(memory.Agency), decorators.RetryOptions{}, newManual().clock())
		_, err := module.List(t.Context())
		wants(t, err, answer)
		if calls := cloud.Calls("list"); calls != 1 {
			t.Errorf("after %q the call was made %d times", answer, calls)
		}
	}
}

func TestRetryPauses(t *testing.T) {
	cloud, hand := memory.New(), newManual()
	cloud.Inject("list", faults(1000, errLost)...)
	options := decorators.RetryOptions{First: time.Second, Longest: 4 * time.Second, Within: 30 * time.Second}
	began := hand.Now()
	_, err := decorators.Retry(cloud.Open(memory.Agency), options, hand.clock()).List(t.Context())
	wants(t, err, vendormodules.ErrTransient)
	if took := hand.Now().Sub(began); took > options.Within || took < options.Within-6*time.Second {
		t.Errorf("the tries took %s, and should end within %s", took, options.Within)
	}
	mean := options.First
	for index, slept := range hand.slept {
		if slept < mean/2 || slept > mean*3/2 {
			t.Errorf("pause %d is %s, and should be %s, at most half off", index, slept, mean)
		}
		mean = min(2*mean, options.Longest)
	}
	if distinct := slices.Compact(slices.Clone(hand.slept)); len(distinct) != len(hand.slept) {
		t.Errorf("pauses repeat exactly, so there is no chance in them: %v", hand.slept)
	}
}

func TestRetryTakesTheHint(t *testing.T) {
	cloud, hand := memory.New(), newManual()
	cloud.Inject("list", memory.Fault{Err: hinted(7 * time.Second)})
	module := decorators.Retry(cloud.Open(memory.Agency), decorators.RetryOptions{}, hand.clock())
	if _, err := module.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(hand.slept, []time.Duration{7 * time.Second}) {
		t.Errorf("pauses were %v, and the cloud asked for 7s", hand.slept)
	}
	cloud.Inject("list", memory.Fault{Err: hinted(time.Hour)})
	_, err := module.List(t.Context())
	wants(t, err, vendormodules.ErrTransient)
	if len(hand.slept) != 1 {
		t.Errorf("it slept %v for a hint that it cannot wait for", hand.slept)
	}
}

func TestRetryEndsBeforeItsDeadline(t *testing.T) {
	cloud, hand := memory.New(), newManual()
	cloud.Inject("list", faults(10, errLost)...)
	module := decorators.Retry(cloud.Open(memory.Agency), decorators.RetryOptions{}, hand.clock())

	// The deadline is near for the manual clock, and far for the machine's, which ends the context.
	hand.now = time.Now().Add(time.Hour - time.Millisecond)
	near, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
	defer cancel()
	_, err := module.List(near)
	wants(t, err, vendormodules.ErrTransient)
	if len(hand.slept) != 0 {
		t.Errorf("it slept %v towards a deadline that comes before", hand.slept)
	}
}

func TestRetryIsCancelledInAPause(t *testing.T) {
	cloud := memory.New()
	cloud.Inject("list", faults(10, errLost)...)
	ctx, cancel := context.WithCancel(t.Context())
	clock := newManual().clock()
	clock.Sleep = func(ctx context.Context, _ time.Duration) error {
		cancel()
		return ctx.Err()
	}
	_, err := decorators.Retry(cloud.Open(memory.Agency), decorators.RetryOptions{}, clock).List(ctx)
	wants(t, err, context.Canceled, vendormodules.ErrTransient)
	if calls := cloud.Calls("list"); calls != 1 {
		t.Errorf("the call was made %d times", calls)
	}
}
