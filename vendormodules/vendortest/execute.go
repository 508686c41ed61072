package vendortest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// proveExecute runs echo, cat, false and sleep, which every image of the suite's machines has.
func proveExecute(b *bench) {
	executor, machine := vendormodules.AbilitiesOf(b.module).Executor, b.start(b.request(descriptors.Compute))
	run := func(input io.Reader, arguments ...string) (exit int, stdout, stderr string, err error) {
		var out, complaints strings.Builder
		exit, err = executor.Execute(b.Context(), machine.ID, vendormodules.Command{Arguments: arguments, Input: input}, &out, &complaints)
		return exit, out.String(), complaints.String(), err
	}
	if exit, stdout, stderr, err := run(nil, "echo", "two  spaces", "$HOME"); exit != 0 || stdout != "two  spaces $HOME\n" || stderr != "" || err != nil {
		b.Errorf("echo ends with %d and prints %q, %q: %v", exit, stdout, stderr, err)
	}
	long := strings.Repeat("line after line\n", 1<<15)
	if exit, stdout, _, err := run(strings.NewReader(long), "cat"); exit != 0 || stdout != long || err != nil {
		b.Errorf("cat ends with %d and prints %d bytes of %d: %v", exit, len(stdout), len(long), err)
	}
	if exit, _, _, err := run(nil, "cat"); exit != 0 || err != nil {
		b.Errorf("cat without an input ends with %d: %v", exit, err)
	}
	if exit, _, _, err := run(nil, "false"); exit != 1 || err != nil {
		b.Errorf("false ends with exit code %d: %v", exit, err)
	}
	if exit, _, stderr, err := run(nil, "no-such-program-anywhere"); exit != 127 || stderr == "" || err != nil {
		b.Errorf("a program that is not there ends with exit code %d and says %q: %v", exit, stderr, err)
	}
	_, _, _, err := run(nil)
	b.wants(err, vendormodules.ErrInvalid, "Execute of nothing")
	_, err = executor.Execute(b.Context(), unknownID, vendormodules.Command{Arguments: []string{"echo"}}, io.Discard, io.Discard)
	b.wants(err, vendormodules.ErrNotFound, "Execute in an unknown machine")

	ctx, cancel := context.WithTimeout(b.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = executor.Execute(ctx, machine.ID, vendormodules.Command{Arguments: []string{"sleep", "3600"}}, io.Discard, io.Discard)
	b.wants(err, context.DeadlineExceeded, "Execute beyond its context")
	if power := vendormodules.AbilitiesOf(b.module).Power; power != nil {
		if err := power.Stop(b.Context(), machine.ID); err != nil {
			b.Fatal("Stop: ", err)
		}
		b.until(machine.ID, vendormodules.ResourceStopped)
		_, _, _, err = run(nil, "echo")
		b.wants(err, vendormodules.ErrConflict, "Execute in a machine that is stopped")
	}
}

// proveFiles brings files into a machine and out of it.
func proveFiles(b *bench) {
	files, machine := vendormodules.AbilitiesOf(b.module).Files, b.start(b.request(descriptors.Compute))
	long := strings.Repeat("all of it, ", 1<<17)
	wanted := map[string]string{"/vendortest/a": "first", "/vendortest/below/b": long}
	if err := files.WriteFiles(b.Context(), machine.ID, b.archive(wanted)); err != nil {
		b.Fatal("WriteFiles: ", err)
	}
	b.hasFiles(machine.ID, "/vendortest", wanted)
	wanted["/vendortest/a"] = "second"
	if err := files.WriteFiles(b.Context(), machine.ID, b.archive(map[string]string{"/vendortest/a": "second"})); err != nil {
		b.Fatal("second WriteFiles: ", err)
	}
	b.hasFiles(machine.ID, "/vendortest/", wanted)
	b.hasFiles(machine.ID, "/vendortest/a", map[string]string{"/vendortest/a": "second"})

	// What leads out of the machine is refused, or stays in it.
	escape := map[string]string{"../../../../../../vendortest-escaped": "caught"}
	if err := files.WriteFiles(b.Context(), machine.ID, b.archive(escape)); err == nil {
		b.hasFiles(machine.ID, "/vendortest-escaped", map[string]string{"/vendortest-escaped": "caught"})
	}
	_, err := files.ReadFiles(b.Context(), machine.ID, "/vendortest/no-such-file")
	b.wants(err, vendormodules.ErrNotFound, "ReadFiles of no file")
	_, err = files.ReadFiles(b.Context(), unknownID, "/vendortest")
	b.wants(err, vendormodules.ErrNotFound, "ReadFiles of an unknown machine")
	b.wants(files.WriteFiles(b.Context(), unknownID, b.archive(wanted)), vendormodules.ErrNotFound, "WriteFiles to an unknown machine")
	b.wants(files.WriteFiles(cancelled(), machine.ID, b.archive(wanted)), context.Canceled, "WriteFiles with a cancelled context")
	garbage := strings.NewReader(strings.Repeat("this is no archive ", 100))
	b.wants(files.WriteFiles(b.Context(), machine.ID, garbage), vendormodules.ErrInvalid, "WriteFiles of no archive")
}

// archive is a tar archive of files.
func (b *bench) archive(files map[string]string) io.Reader {
	b.Helper()
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for name, content := range files {
		err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o640})
		if err == nil {
			_, err = io.WriteString(writer, content)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		b.Fatal(err)
	}
	return &archive
}

// hasFiles compares what lies below a path of a machine with what should.
func (b *bench) hasFiles(machine, path string, wanted map[string]string) {
	b.Helper()
	opened, err := vendormodules.AbilitiesOf(b.module).Files.ReadFiles(b.Context(), machine, path)
	if err != nil {
		b.Errorf("ReadFiles of %s: %v", path, err)
		return
	}
	found := map[string]string{}
	for reader := tar.NewReader(opened); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(reader)
		}
		if err != nil {
			b.Errorf("read %s: %v", path, err)
			break
		}
		if header.Typeflag == tar.TypeReg {
			found[header.Name] = string(content)
		}
	}
	if err := opened.Close(); err != nil {
		b.Errorf("close the reader of %s: %v", path, err)
	}
	for name, content := range wanted {
		if found[name] != content {
			b.Errorf("the machine has %d bytes in %s and should have %d", len(found[name]), name, len(content))
		}
		delete(found, name)
	}
	for name := range found {
		b.Errorf("the machine has a file %s too", name)
	}
}
