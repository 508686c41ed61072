package deployer

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// walk does every class after those it depends on, and as many at a time as that allows. A class is not begun when one
// it depends on failed, nor once the context has ended; what has begun is waited for. It returns the failures in the
// order in which they came; without any, why the context ended if that kept a class from being begun.
func walk(ctx context.Context, dependencies map[string][]string, do func(class string) error) error {
	type end struct {
		done chan struct{}
		fine bool // once done
	}
	ends := make(map[string]*end, len(dependencies))
	for class := range dependencies {
		ends[class] = &end{done: make(chan struct{})}
	}
	var group sync.WaitGroup
	var mutex sync.Mutex
	var failures []error
	var cut error // why some class was not begun
	record := func(into func()) {
		mutex.Lock()
		defer mutex.Unlock()
		into()
	}
	for class, needs := range dependencies {
		group.Go(func() {
			mine := ends[class]
			defer close(mine.done)
			for _, need := range needs {
				<-ends[need].done
				if !ends[need].fine {
					return
				}
			}
			if ctx.Err() != nil {
				record(func() { cut = context.Cause(ctx) })
				return
			}
			if err := do(class); err != nil {
				record(func() { failures = append(failures, err) })
				return
			}
			mine.fine = true
		})
	}
	group.Wait()
	if len(failures) == 0 {
		return cut
	}
	return errors.Join(failures...)
}

// among leaves of dependencies those between some classes.
func among(dependencies map[string][]string, classes []string) map[string][]string {
	left := make(map[string][]string, len(classes))
	for _, class := range classes {
		left[class] = slices.DeleteFunc(slices.Clone(dependencies[class]), func(need string) bool {
			return !slices.Contains(classes, need)
		})
	}
	return left
}

// reversed turns dependencies round: what a class needs comes to depend on it.
func reversed(dependencies map[string][]string) map[string][]string {
	dependents := make(map[string][]string, len(dependencies))
	for class, needs := range dependencies {
		dependents[class] = append(dependents[class], []string{}...)
		for _, need := range needs {
			dependents[need] = append(dependents[need], class)
		}
	}
	return dependents
}
