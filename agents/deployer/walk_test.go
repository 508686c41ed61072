package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestWalkKeepsTheOrderAndDoesAllItMay(t *testing.T) {
	for range 25 { // checks are cheap here
		rapid.Check(t, walkOnce)
	}
}

func walkOnce(t *rapid.T) {
	count := rapid.IntRange(0, 8).Draw(t, "classes")
	dependencies, failing := map[string][]string{}, map[string]bool{}
	for i := range count {
		class := fmt.Sprint(i)
		dependencies[class] = nil
		for j := range i {
			if rapid.Bool().Draw(t, "needs") {
				dependencies[class] = append(dependencies[class], fmt.Sprint(j))
			}
		}
		failing[class] = rapid.IntRange(0, 4).Draw(t, "fails") == 0
	}
	var mutex sync.Mutex
	done := map[string]bool{}
	err := walk(context.Background(), dependencies, func(class string) error {
		mutex.Lock()
		defer mutex.Unlock()
		for _, need := range dependencies[class] {
			if !done[need] || failing[need] {
				t.Fatalf("%s was done before %s", class, need)
			}
		}
		done[class] = true
		if failing[class] {
			return errors.New(class)
		}
		return nil
	})
	failed := false
	for class := range dependencies {
		failed = failed || done[class] && failing[class]
		may := !slices.ContainsFunc(dependencies[class], func(need string) bool { return !done[need] || failing[need] })
		if may != done[class] {
			t.Fatalf("%s: done is %v", class, done[class])
		}
	}
	if (err != nil) != failed {
		t.Fatalf("it returned %v", err)
	}
}

func TestWalkBeginsNothingOnceItsContextHasEnded(t *testing.T) {
	cause := errors.New("enough")
	ctx, stop := context.WithCancelCause(t.Context())
	begun := 0
	err := walk(ctx, map[string][]string{"a": nil, "b": {"a"}, "c": {"b"}}, func(string) error {
		begun++
		stop(cause)
		return nil
	})
	if begun != 1 || !errors.Is(err, cause) {
		t.Errorf("%d begun, %v", begun, err)
	}
}

func TestReversedTurnsEveryDependencyRound(t *testing.T) {
	got := reversed(map[string][]string{"a": nil, "b": {"a"}, "c": {"a", "b"}})
	slices.Sort(got["a"])
	if fmt.Sprint(got) != "map[a:[b c] b:[c] c:[]]" {
		t.Errorf("got %v", got)
	}
}
