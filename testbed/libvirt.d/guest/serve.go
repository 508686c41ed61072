package main

import (
	"errors"
	"io/fs"
	"net"
	"os"

	"github.com/cloud-agency/agency/vendormodules/remote/remotetest"
)

// Where the machine keeps its SSH server's key, and the keys of those whom it lets in.
const (
	hostKey        = "/etc/ssh/host_key"
	authorizedKeys = "/root/.ssh/authorized_keys"
)

// serve is the machine's SSH server; there is none without keys.
func serve() error {
	private, err := os.ReadFile(hostKey)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	authorized, err := os.ReadFile(authorizedKeys)
	if err != nil {
		return err
	}
	server, err := remotetest.New(private, authorized)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", ":22") //nolint:noctx // it is there for as long as the machine
	if err != nil {
		return err
	}
	server.Serve(listener)
	return nil
}
