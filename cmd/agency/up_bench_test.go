package main_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkUp starts `agency up` on a directory that it has used before and measures the time until it is ready, and its
// resident memory then. The floor is the same program doing nothing (`agency version`): what starting a process of its
// size costs here.
func BenchmarkUp(b *testing.B) {
	program := filepath.Join(b.TempDir(), "agency")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	if output, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v: %s", err, output)
	}
	data := filepath.Join(b.TempDir(), "data")
	start := func(b *testing.B) (*exec.Cmd, int) {
		command := exec.CommandContext(b.Context(), program, "up", "--data", data)
		command.Env = append(os.Environ(), "XDG_STATE_HOME="+data)
		output, err := command.StdoutPipe()
		if err == nil {
			err = command.Start()
		}
		if err != nil {
			b.Fatal(err)
		}
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if strings.Contains(lines.Text(), "ready in") {
				return command, resident(b, command.Process.Pid)
			}
		}
		b.Fatal("the agency did not get ready")
		return nil, 0
	}
	stop := func(b *testing.B, command *exec.Cmd) {
		if err := command.Process.Signal(os.Interrupt); err != nil {
			b.Fatal(err)
		}
		_ = command.Wait() // its exit code is not what is measured
	}
	command, _ := start(b) // the first start also makes keys and identities
	stop(b, command)

	b.Run("ready", func(b *testing.B) {
		memory := 0
		for b.Loop() {
			command, kib := start(b)
			memory = max(memory, kib)
			b.StopTimer()
			stop(b, command)
			b.StartTimer()
		}
		b.ReportMetric(float64(memory)/1024, "MiB-resident")
	})
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			if err := exec.CommandContext(b.Context(), program, "version").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("idle", func(b *testing.B) {
		for b.Loop() {
			command, _ := start(b)
			idle := time.NewTimer(2 * time.Second) // what is measured is what it needs when nothing happens
			<-idle.C
			b.ReportMetric(float64(resident(b, command.Process.Pid))/1024, "MiB-resident")
			stop(b, command)
		}
	})
}

// resident is a process's resident memory in KiB.
func resident(b *testing.B, process int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		b.Fatal(err)
	}
	kib := 0
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			return kib
		}
	}
	b.Fatal("no VmRSS in the status of the process")
	return 0
}
