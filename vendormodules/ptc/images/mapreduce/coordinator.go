package mapreduce

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/pages"
)

// DefaultLease is how long a worker may be silent before its task is given to another.
const DefaultLease = 5 * time.Second

// Coordination is what a coordinator works with.
type Coordination struct {
	Job Job
	// Input is the directory of the input files; Data is where results and progress are kept.
	Input, Data string
	// Token that workers must know.
	Token string
	// Lease is how long a worker may be silent; DefaultLease if zero.
	Lease time.Duration
	Now   func() time.Time
}

// Coordinate works through a job with the workers that ask on a listener, and then goes on answering what came of it, until
// the context ends. It closes the listener. Called again with the same job and data it goes on where it ended.
func Coordinate(ctx context.Context, listener net.Listener, with Coordination) (err error) {
	defer func() { err = errors.Join(err, closed(listener)) }()
	if err := with.Job.check(); err != nil {
		return err
	}
	if with.Token == "" {
		return errors.New("a coordinator needs a token that its workers know")
	}
	if with.Lease <= 0 {
		with.Lease = DefaultLease
	}
	splits, err := findSplits(with.Input, with.Job.Split)
	if err != nil {
		return err
	}
	board, err := openBoard(with.Job, splits, results(with.Data), with.Lease, with.Now)
	if err != nil {
		return err
	}
	office := &office{board: board, input: with.Input, token: with.Token}
	return errors.Join(office.serve(ctx, listener), board.journal.close())
}

// closed closes a listener that may be closed already.
func closed(listener net.Listener) error {
	if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// serve answers requests, and looks after silent workers, until the context ends.
func (o *office) serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o.ending = ctx.Done()
	watched := make(chan error, 1)
	go func() {
		watched <- o.watch(ctx)
		cancel()
	}()
	err := pages.Serve(ctx, listener, o.handler())
	cancel()
	return errors.Join(err, <-watched)
}

// watch gives up the attempts of silent workers until the context ends or the disk fails.
func (o *office) watch(ctx context.Context) error {
	ticker := time.NewTicker(o.board.lease / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := o.board.tick(); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}
