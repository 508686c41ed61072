package balancer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// ExitNeeded is the exit code that stands for ErrNeeded.
const ExitNeeded = 3

// Main is the process behind the program's verb "balancer", for balancers that have no keeper: it serves the balancer of a
// directory until SIGTERM, or asks the one that does. It answers the program's exit code.
func Main(arguments []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	if len(arguments) != 2 {
		fmt.Fprintln(stderr, "usage: agency balancer serve|reload|figures DIRECTORY")
		return 2
	}
	if err := command(ctx, arguments[0], record.Directory(arguments[1]), stdout); err != nil {
		fmt.Fprintf(stderr, "balancer of %s: %v\n", arguments[1], err)
		if errors.Is(err, ErrNeeded) {
			return ExitNeeded
		}
		return 1
	}
	return 0
}

func command(ctx context.Context, verb string, directory record.Directory, stdout io.Writer) error {
	switch verb {
	case "serve":
		server, err := Listen(ctx, directory, stdout)
		if err != nil {
			return err
		}
		return server.Serve(ctx)
	case "reload":
		return Reload(ctx, directory, Patience)
	case "figures":
		figures, err := Read(ctx, directory)
		return errors.Join(err, json.NewEncoder(stdout).Encode(figures))
	}
	return fmt.Errorf("no verb %q", verb)
}
