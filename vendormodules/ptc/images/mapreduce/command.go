package mapreduce

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxTail is how much of what a command complained of, in bytes, is told when it fails.
const maxTail = 500

// outputLimit is how long the complaints of a command that has ended are waited for: another process may have them open.
const outputLimit = time.Second

// run runs one of the job's commands. It reads what feed writes, and take gets what it writes. A command may leave input
// unread.
func (e *execution) run(ctx context.Context, command string, feed func(*bufio.Writer) error, take func(io.Reader) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	process := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	process.Env = append(append([]string(nil), e.Environment...), e.describe()...)
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	process.Cancel = func() error { return syscall.Kill(-process.Process.Pid, syscall.SIGKILL) }
	process.WaitDelay = outputLimit
	said := &complaints{counters: Counters{}}
	process.Stderr = said
	input, inputError := process.StdinPipe()
	output, outputError := process.StdoutPipe()
	if err := errors.Join(inputError, outputError); err != nil {
		return err
	}
	if err := process.Start(); err != nil {
		return err
	}
	release := context.AfterFunc(ctx, func() { output.Close() }) // whoever else has it open keeps nobody
	defer release()
	fed := make(chan error, 1)
	go func() {
		err := pour(input, feed)
		if err != nil {
			stop()
		}
		fed <- err
	}()
	taking := take(output)
	if taking != nil {
		stop()
	}
	ended := process.Wait()
	input.Close() // a feeder of a command that has ended is let go
	feeding := <-fed
	said.flush()
	e.counters.add(said.counters)
	switch {
	case feeding != nil:
		return feeding
	case taking != nil:
		return taking
	case ended != nil:
		return said.with(ended)
	}
	return nil
}

// pour writes a command's input. That it does not read all of it is no fault.
func pour(input io.WriteCloser, feed func(*bufio.Writer) error) error {
	writer := bufio.NewWriterSize(input, 1<<16)
	err := feed(writer)
	if err == nil {
		err = writer.Flush()
	}
	if failure := input.Close(); err == nil {
		err = failure
	}
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// describe tells a command which task it is at, by the variables that streaming programs look for.
func (e *execution) describe() []string {
	variables := []string{
		"mapreduce_task_attempt_id=" + e.task.Attempt,
		"mapreduce_task_id=" + taskName(e.task.Kind, e.task.Index),
		"mapreduce_task_partition=" + strconv.Itoa(e.task.Index),
		"mapreduce_task_ismap=" + strconv.FormatBool(e.task.Kind == mapKind),
		"mapreduce_job_reduces=" + strconv.Itoa(e.task.Job.Reducers),
	}
	if e.task.File != "" {
		variables = append(variables, "mapreduce_map_input_file="+e.task.File)
	}
	return variables
}

// complaints is a command's standard error: lines "reporter:counter:GROUP,COUNTER,AMOUNT" raise a counter, all others go to
// the worker's own.
type complaints struct {
	counters Counters
	line     []byte
	tail     []byte
}

// maxLine is how much of a line without an end is kept, in bytes.
const maxLine = 1 << 16

// Write implements io.Writer.
func (c *complaints) Write(text []byte) (int, error) {
	for _, letter := range text {
		c.line = append(c.line, letter)
		if letter == '\n' || len(c.line) == maxLine {
			c.flush()
		}
	}
	return len(text), nil
}

// flush deals with the line so far.
func (c *complaints) flush() {
	line := strings.TrimSuffix(string(c.line), "\n")
	c.line = c.line[:0]
	if line == "" {
		return
	}
	if counter, found := strings.CutPrefix(line, "reporter:counter:"); found {
		if fields := strings.Split(counter, ","); len(fields) == 3 {
			if amount, err := strconv.ParseInt(strings.TrimSpace(fields[2]), 10, 64); err == nil {
				c.counters[strings.TrimSpace(fields[0])+"."+strings.TrimSpace(fields[1])] += amount
				return
			}
		}
	}
	fmt.Fprintln(os.Stderr, line)
	c.tail = append(c.tail, line+"\n"...)
	c.tail = c.tail[max(0, len(c.tail)-maxTail):]
}

// with is why a command failed, and what it said last.
func (c *complaints) with(ended error) error {
	if tail := strings.TrimSpace(string(c.tail)); tail != "" {
		return fmt.Errorf("%w: %s", ended, tail)
	}
	return ended
}
