package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// background holds the programs that a script has started and that still run.
type background struct {
	processes map[string]*program
	// environment of the last one, for cleaning up.
	environment []string
}

type backgroundKey struct{}

// program is one in the background and what it has printed.
type program struct {
	command *exec.Cmd
	ended   chan struct{} // everything it printed was read
	mutex   sync.Mutex
	printed bytes.Buffer
}

func (p *program) output() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.printed.String()
}

func running(script *testscript.TestScript) *background {
	known, is := script.Value(backgroundKey{}).(*background)
	if !is {
		script.Fatalf("no background")
	}
	return known
}

// start runs a program in the background and waits for a line of its output with "ready" in it, or another word given by
// a first argument such as /word/: start house agency up --data data
func start(script *testscript.TestScript, _ bool, arguments []string) {
	if len(arguments) < 2 {
		script.Fatalf("usage: start NAME [/WORD/] PROGRAM ARGUMENT...")
	}
	name, word := arguments[0], "ready"
	arguments = arguments[1:]
	if strings.HasPrefix(arguments[0], "/") {
		word, arguments = strings.Trim(arguments[0], "/"), arguments[1:]
	}
	known := running(script)
	known.environment = os.Environ()
	for _, variable := range []string{"PATH", "HOME", "XDG_STATE_HOME", "TMPDIR", "NO_COLOR", "GORACE"} {
		known.environment = append(known.environment, variable+"="+script.Getenv(variable))
	}
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Dir, command.Env = script.MkAbs("."), known.environment
	output, err := command.StdoutPipe()
	script.Check(err)
	started := &program{command: command, ended: make(chan struct{})}
	command.Stderr = command.Stdout
	script.Check(command.Start())
	known.processes[name] = started
	ready := make(chan struct{})
	go func() {
		defer close(started.ended)
		told := false
		for lines := bufio.NewScanner(output); lines.Scan(); {
			started.mutex.Lock()
			started.printed.WriteString(lines.Text() + "\n")
			started.mutex.Unlock()
			if !told && strings.Contains(lines.Text(), word) {
				told = true
				close(ready)
			}
		}
	}()
	select {
	case <-ready:
	case <-started.ended:
		script.Fatalf("%s ended before it was %s: %v\n%s", name, word, command.Wait(), started.output())
	}
}

// quit ends a program by SIGTERM, or by another signal if that is the second argument, wants exit code 0 or the third,
// and puts what it has printed into the file NAME.out: quit waiting SIGINT 6
func quit(script *testscript.TestScript, _ bool, arguments []string) {
	signal, want := os.Signal(syscall.SIGTERM), 0
	if len(arguments) > 1 && arguments[1] == "SIGINT" {
		signal = os.Interrupt
	}
	if len(arguments) > 2 {
		code, err := strconv.Atoi(arguments[2])
		script.Check(err)
		want = code
	}
	stopped := end(script, arguments[0], signal)
	if code := stopped.command.ProcessState.ExitCode(); code != want {
		script.Fatalf("%s ended with exit code %d, want %d\n%s", arguments[0], code, want, stopped.output())
	}
}

// crash ends a program by SIGKILL.
func crash(script *testscript.TestScript, _ bool, arguments []string) {
	end(script, arguments[0], os.Kill)
}

// waitFor waits until a program has ended by itself, with exit code 0, and puts what it has printed into NAME.out.
func waitFor(script *testscript.TestScript, _ bool, arguments []string) {
	known := running(script)
	ended, runs := known.processes[arguments[0]]
	if !runs {
		script.Fatalf("%s does not run", arguments[0])
	}
	delete(known.processes, arguments[0])
	<-ended.ended
	if err := ended.command.Wait(); err != nil {
		script.Fatalf("%s: %v\n%s", arguments[0], err, ended.output())
	}
	script.Check(os.WriteFile(script.MkAbs(arguments[0]+".out"), []byte(ended.output()), 0o600))
}

func end(script *testscript.TestScript, name string, signal os.Signal) *program {
	known := running(script)
	stopped, runs := known.processes[name]
	if !runs {
		script.Fatalf("%s does not run", name)
	}
	delete(known.processes, name)
	script.Check(stopped.command.Process.Signal(signal))
	<-stopped.ended
	_ = stopped.command.Wait() // the exit code tells
	script.Check(os.WriteFile(script.MkAbs(name+".out"), []byte(stopped.output()), 0o600))
	return stopped
}

// clean removes whatever a script that failed has left at vendors, and ends its programs.
func (b *background) clean() {
	if len(b.processes) == 0 {
		return
	}
	removeEverything(b.environment)
	for _, left := range b.processes {
		_ = left.command.Process.Signal(syscall.SIGTERM)
		<-left.ended
		_ = left.command.Wait()
	}
}

// removeEverything removes every deployment of the agency that an environment leads to, if one runs.
func removeEverything(environment []string) {
	agency := func(arguments ...string) []byte {
		command := exec.Command("agency", arguments...)
		command.Env = environment
		output, _ := command.Output() // nothing to clean where nothing answers
		return output
	}
	var status statusDocument
	if json.Unmarshal(agency("status", "-o", "json"), &status) == nil {
		for _, deployment := range status.Deployments {
			agency("remove", "-y", deployment.Descriptor.Name)
		}
	}
}

// changing is what differs from run to run, and what tidy writes for it.
var changing = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`sha256-[0-9a-f]{64}`), "SHA256"},
	{regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`), "ULID"},
	{regexp.MustCompile(`\b[0-9a-hjkmnp-tv-z]{26}\b`), "ulid"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`127(\.\d{1,3}){3}`), "ADDRESS"},
	{regexp.MustCompile(`"elapsed": "[^"]*"`), `"elapsed": "SPAN"`},
	{regexp.MustCompile(`in [0-9.]+ (us|ms|s)\b`), "in SPAN"},
	{regexp.MustCompile(`\b(U[A-Z2-7]{55}|X[A-Z2-7]{55}|A[A-Z2-7]{55})\b`), "NKEY"},
	{regexp.MustCompile(`is not a module; there is .*`), "is not a module; there is MODULES"},
	{regexp.MustCompile(`"go": "[^"]*"|"platform": "[^"]*"`), `"built": "SOMEHOW"`},
}

// tidy replaces in a file (stdout, stderr or one by name) what differs from run to run, and writes it to another:
// tidy stdout tidied
func tidy(script *testscript.TestScript, _ bool, arguments []string) {
	if len(arguments) != 2 {
		script.Fatalf("usage: tidy FROM TO")
	}
	content := script.ReadFile(arguments[0])
	for _, replaced := range changing {
		content = replaced.pattern.ReplaceAllString(content, replaced.name)
	}
	script.Check(os.WriteFile(script.MkAbs(arguments[1]), []byte(content), 0o600))
}

// nowhere fails if any byte sequence given is found in any file below a directory: nowhere DIRECTORY TEXT...
func nowhere(script *testscript.TestScript, _ bool, arguments []string) {
	searched := 0
	script.Check(filepath.WalkDir(script.MkAbs(arguments[0]), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		searched++
		for _, text := range arguments[1:] {
			if bytes.Contains(content, []byte(text)) {
				script.Fatalf("%s holds %q", name, text)
			}
		}
		return nil
	}))
	if searched == 0 {
		script.Fatalf("nothing to search in %s", arguments[0])
	}
}
