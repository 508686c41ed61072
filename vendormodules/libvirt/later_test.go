package libvirt

import (
	"context"
	"errors"
	"testing"
)

// What was begun goes on without whoever began it, and ends with the module.
func TestTasks(t *testing.T) {
	all := newTasks()
	begun, ended := make(chan struct{}), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	err := all.do(ctx, func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("who left was told %v", err)
	}
	select {
	case <-ended:
		t.Error("it ended with whoever began it")
	default:
	}
	all.close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if err := all.do(t.Context(), func(context.Context) error { return nil }); !errors.Is(err, errClosed) {
		t.Errorf("after the end: %v", err)
	}
	if err := all.do(ctx, func(context.Context) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("of a caller that has gone: %v", err)
	}
}
