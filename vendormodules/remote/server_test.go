package remote_test

import (
	"net"
	"sync"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/cloudinit"
	"github.com/cloud-agency/agency/vendormodules/remote/remotetest"
)

// serve is an SSH server in this process, which stands for the one in a machine.
func serve(t *testing.T, host cloudinit.HostKey, login string) string {
	t.Helper()
	server, err := remotetest.New([]byte(host.Private.Reveal()), []byte(login))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(listener) })
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return listener.Addr().String()
}
