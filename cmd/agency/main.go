//go:generate env UPDATE_DOCS=1 go test -count=1 -run UpToDate$ .

// Command agency is the one program of Cloud Agency: every agent, the verbs by which people use them, and the
// demonstration.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/cloud-agency/agency/cmd/agency/present"
)

func main() {
	if status, ours := runHelper(os.Args[1:]); ours {
		os.Exit(status)
	}
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}

// Main runs one verb and returns its exit code. Variables are looked up by env; nothing else is read from outside but
// files, the clock and signals.
func Main(arguments []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) string) int {
	s := newSession(stdin, stdout, stderr, env)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	return exitCode(arguments, s.report(s.run(ctx, arguments), formatIn(arguments)))
}

// run parses and runs. Once help was printed nothing else is done.
func (s *session) run(ctx context.Context, arguments []string) error {
	helped := false
	var verbs verbs
	parser, err := kong.New(&verbs,
		kong.Name("agency"), kong.Description(summary), kong.Writers(s.out, s.err), kong.Help(printHelp),
		kong.ConfigureHelp(kong.HelpOptions{
			Compact: true, NoExpandSubcommands: true, WrapUpperBound: present.DefaultWidth,
		}),
		kong.Exit(func(int) { helped = true }), kong.Bind(s), kong.BindTo(ctx, (*context.Context)(nil)),
		kong.ExplicitGroups(groups()),
	)
	if err != nil {
		return err
	}
	switch {
	case len(arguments) == 0:
		arguments = []string{"--help"}
	case arguments[0] == "help":
		arguments = append(slices.Clone(arguments[1:]), "--help")
	}
	parsed, err := parser.Parse(arguments)
	switch {
	case helped:
		return nil
	case err != nil:
		return usageError(arguments, err)
	}
	return parsed.Run()
}
