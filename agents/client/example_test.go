package client_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cloud-agency/agency/agents/client"
)

// What does not lie beside the descriptor is refused, in a way that a program can act on.
func ExamplePack() {
	directory, err := os.MkdirTemp("", "example-*")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	if err := os.WriteFile(filepath.Join(directory, "app.conf"), []byte("port=1\n"), 0o600); err != nil {
		panic(err)
	}
	name, err := client.Pack(directory, map[string]string{"app.conf": "/etc/app.conf"}, io.Discard)
	fmt.Println(name[:7], err)
	_, err = client.Pack(directory, map[string]string{"app.cnf": "/etc/app.conf"}, io.Discard)
	fmt.Println(err, client.ClassOf(err) == client.BadInput)
	// Output:
	// sha256- <nil>
	// app.cnf: no such file beside the descriptor true
}
