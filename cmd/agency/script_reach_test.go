package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cloud-agency/agency/vendormodules"
)

// reachWithin is how long something may take until it answers.
const reachWithin = time.Minute

// reach asks a resource of a deployment by HTTP until it answers with 200, as `agency status` shows its address, the public
// one if it has one; the answer goes to a file: reach batch words-coordinator-1 8088/output answer
func reach(script *testscript.TestScript, _ bool, arguments []string) {
	if len(arguments) != 4 {
		script.Fatalf("usage: reach DEPLOYMENT RESOURCE PORT/PATH FILE")
	}
	url := fmt.Sprintf("http://%s:%s", reachable(script, arguments[0], arguments[1]), arguments[2])
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	var last string
	for deadline := time.Now().Add(reachWithin); time.Now().Before(deadline); <-ticker.C {
		body, err := get(url)
		if err == nil {
			script.Check(os.WriteFile(script.MkAbs(arguments[3]), []byte(body), 0o600))
			return
		}
		last = err.Error()
	}
	script.Fatalf("%s: %s", url, last)
}

func get(url string) (string, error) {
	client := &http.Client{Timeout: reachWithin}
	defer client.CloseIdleConnections()
	answer, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, strings.TrimSpace(string(body)))
	}
	return string(body), err
}

// reachable is where a resource of a deployment is reached.
func reachable(script *testscript.TestScript, deployment, resource string) string {
	command := exec.Command("agency", "status", deployment, "-o", "json")
	command.Env = running(script).environment
	output, err := command.Output()
	script.Check(err)
	var status statusDocument
	script.Check(json.Unmarshal(output, &status))
	for _, one := range status.Deployments[0].Resources {
		if one.Name == resource && len(one.Addresses) > 0 {
			return publicFirst(one.Addresses)
		}
	}
	script.Fatalf("%s has no %s with an address: %s", deployment, resource, output)
	return ""
}

func publicFirst(addresses []vendormodules.Address) string {
	for _, one := range addresses {
		if one.Public {
			return one.Address
		}
	}
	return addresses[0].Address
}

// meanwhile runs a command that must succeed, and asks a resource by HTTP without a pause until it has ended: every answer
// must be 200. meanwhile shop front 8080/ agency apply shop.yaml -y
func meanwhile(script *testscript.TestScript, _ bool, arguments []string) {
	if len(arguments) < 4 {
		script.Fatalf("usage: meanwhile DEPLOYMENT RESOURCE PORT/PATH PROGRAM ARGUMENT...")
	}
	url := fmt.Sprintf("http://%s:%s", reachable(script, arguments[0], arguments[1]), arguments[2])
	done := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		for answers := 0; ; answers++ {
			if _, err := get(url); err != nil {
				failed <- fmt.Errorf("after %d answers: %w", answers, err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	err := script.Exec(arguments[3], arguments[4:]...)
	close(done)
	if unanswered := <-failed; unanswered != nil {
		script.Fatalf("%s: %v", url, unanswered)
	}
	script.Check(err)
}
