// Package lifecycle says how a thing that has states may move between them.
//
// Every state machine of the agency is one table of this type, next to the noun it belongs to, and every move goes
// through Move, so that an illegal one is an error and never a silent overwrite.
package lifecycle

import (
	"errors"
	"fmt"
	"slices"
)

// ErrIllegalMove is wrapped by the error of every move that a table does not list.
var ErrIllegalMove = errors.New("illegal move")

// Table lists, for each state, the states that may follow it. A state without followers is final.
type Table[S ~string] map[S][]S

// Allows says whether the table has the move. Staying is not a move.
func (t Table[S]) Allows(from, to S) bool { return slices.Contains(t[from], to) }

// Move sets *state to next if the table allows it, and otherwise leaves it and returns an ErrIllegalMove.
func (t Table[S]) Move(state *S, next S) error {
	if !t.Allows(*state, next) {
		return fmt.Errorf("%w: from %q to %q", ErrIllegalMove, string(*state), string(next))
	}
	*state = next
	return nil
}

// Final says whether nothing follows the state.
func (t Table[S]) Final(state S) bool { return len(t[state]) == 0 }
