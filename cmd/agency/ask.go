package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/cloud-agency/agency/agents/client"
)

// typed is what came of reading from a person.
type typed struct {
	text string
	err  error
}

// ask runs read, which waits for a person, until it returns or the context ends. Nothing can end a read from a terminal
// but its end; one that is given up stays behind until the program ends, which is at once. The terminal is left as it was.
func ask(ctx context.Context, keyboard *os.File, read func() (string, error)) (string, error) {
	state, err := term.GetState(int(keyboard.Fd()))
	if err != nil {
		return "", err
	}
	answer := make(chan typed, 1)
	go func() {
		text, err := read()
		answer <- typed{text, err}
	}()
	select {
	case got := <-answer:
		return got.text, got.err
	case <-ctx.Done():
		_ = term.Restore(int(keyboard.Fd()), state)
		return "", &client.Error{Code: client.CodeFailed, Message: "given up at the prompt; nothing was done"}
	}
}

// askLine reads a line that may be seen.
func askLine(ctx context.Context, keyboard *os.File, lines *bufio.Reader) (string, error) {
	return ask(ctx, keyboard, func() (string, error) {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return strings.TrimRight(line, "\r\n"), err
	})
}

// askSecret reads a line without echo.
func askSecret(ctx context.Context, keyboard *os.File) (string, error) {
	return ask(ctx, keyboard, func() (string, error) {
		secret, err := term.ReadPassword(int(keyboard.Fd()))
		return string(secret), err
	})
}
