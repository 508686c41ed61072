package link

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// packet is one of libvirt's with as much content as the text.
func packet(kind, serial, status uint32, text string) []byte {
	var written bytes.Buffer
	for _, number := range []uint32{uint32(headerSize + len(text)), 1, 1, 1, kind, serial, status} {
		binary.Write(&written, binary.BigEndian, number)
	}
	written.WriteString(text)
	return written.Bytes()
}

func TestStreamsAreOrderly(t *testing.T) {
	const begun = 2 // the status of a stream that goes on
	earlier, reply, later := packet(typeReply, 4, 0, "earlier"), packet(typeReply, 5, 0, "reply"), packet(typeReply, 6, 0, "later")
	data, end, over := packet(typeStream, 5, begun, "data"), packet(typeStream, 5, begun, ""), packet(typeStream, 5, 0, "")
	wanted := bytes.Join([][]byte{earlier, reply, data, data, end, later}, nil)
	for name, sent := range map[string][][]byte{
		"in order":            {earlier, reply, data, data, end, later},
		"ended twice":         {earlier, reply, data, data, end, end, over, later},
		"data early":          {earlier, data, reply, data, end, later},
		"all early":           {earlier, data, data, end, reply, later},
		"early, ended twice":  {earlier, data, data, end, end, reply, over, later},
		"ended after replied": {earlier, data, data, reply, end, over, later},
	} {
		ours, theirs := net.Pipe()
		go func() {
			for _, one := range sent {
				theirs.Write(one)
			}
			theirs.Close()
		}()
		got, err := io.ReadAll(newOrderly(ours))
		if err != nil || !bytes.Equal(got, wanted) {
			t.Errorf("%s: %q comes through (%v), and should be %q", name, got, err, wanted)
		}
	}
}

func TestWhatIsNoPacket(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() {
		theirs.Write([]byte("SSH-2.0-OpenSSH_9.2p1 is not libvirt"))
		theirs.Close()
	}()
	if got, err := io.ReadAll(newOrderly(ours)); err == nil {
		t.Errorf("%q comes through", got)
	}
}
