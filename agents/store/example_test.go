package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cloud-agency/agency/agents/store"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// A state and the message that tells of it are changed in one commit, and only on the state that was read.
func Example() {
	directory, err := os.MkdirTemp("", "store")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(directory)
	ctx := context.Background()
	agent, err := store.OpenSQLite(ctx, filepath.Join(directory, "broker.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer agent.Close()

	type call struct{ State string }
	calls := services.NewTable[call](agent, "calls", "call", 1)
	outbox := services.NewTable[string](agent, "outbox", "message", 1)
	if err := agent.Commit(ctx, calls.Put("c1", call{State: "open"}, 0)); err != nil {
		fmt.Println(err)
		return
	}
	found, revision, err := calls.Get(ctx, "c1")
	if err != nil {
		fmt.Println(err)
		return
	}
	found.State = "closed"
	fmt.Println(agent.Commit(ctx, calls.Put("c1", found, revision), outbox.Put("m1", "c1 is closed", 0)))
	err = agent.Commit(ctx, calls.Put("c1", found, revision), outbox.Put("m2", "c1 is closed", 0))
	fmt.Println(errors.Is(err, services.ErrRevision), err)
	messages, err := outbox.List(ctx)
	fmt.Println(len(messages), err)
	// Output:
	// <nil>
	// true commit: calls.c1: expected revision 1, found 2: revision conflict
	// 1 <nil>
}
