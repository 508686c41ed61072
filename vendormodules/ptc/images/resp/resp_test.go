package resp_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/resp"
)

func FuzzReadCommand(f *testing.F) {
	for _, seed := range []string{
		"PING\r\n", "*1\r\n$4\r\nPING\r\n", "*-1\r\n", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n", "*1\r\n$9999999999\r\n", "$-1\r\n", "\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		words, err := resp.ReadCommand(bufio.NewReader(bytes.NewReader(input)))
		if err != nil {
			if !errors.Is(err, resp.ErrProtocol) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		again, err := resp.ReadCommand(bufio.NewReader(bytes.NewReader(resp.AppendCommand(nil, words...))))
		if err != nil || !slices.Equal(again, words) {
			t.Errorf("%q is written and read as %q, %v", words, again, err)
		}
	})
}

func FuzzReadReply(f *testing.F) {
	for _, seed := range []string{"+OK\r\n", "-ERR no\r\n", ":12\r\n", "$2\r\nab\r\n", "$-1\r\n", "*1\r\n$1\r\na\r\n", "?\r\n", "\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		reply, err := resp.ReadReply(bufio.NewReader(bytes.NewReader(input)))
		if reply.Missing && (reply.Text != "" || err != nil) {
			t.Errorf("%+v, %v", reply, err)
		}
	})
}
