package link

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// The framing of libvirt's protocol: a length that includes itself, and six numbers of 32 bits before the content.
const (
	lengthSize = 4
	headerSize = lengthSize + 6*4
	// typeAt is where it says what kind of packet it is, serialAt to which call it belongs.
	typeAt, serialAt = lengthSize + 3*4, lengthSize + 4*4
	typeReply        = 1
	typeStream       = 3
	// mostPacket is more than any packet has.
	mostPacket = 64 << 20
)

// orderly lets a stream come as the client expects it: after the reply to its call, and with one end, a packet without
// content. A busy daemon sends the stream's packets before the reply, and may say several times that there is no more to
// read, at the end of the file and at its closing; the client would lose the former, and each that it does not wait for
// would keep it waiting for ever.
type orderly struct {
	net.Conn
	from   *bufio.Reader
	packet []byte // what was let by and not read yet
	early  []byte // packets of a stream whose call has no reply yet
	// replied is the last call that has its reply; ended says that its stream has its end.
	replied uint32
	ended   bool
	failure error
}

func newOrderly(connection net.Conn) *orderly {
	return &orderly{Conn: connection, from: bufio.NewReader(connection)}
}

// Read implements net.Conn.
func (o *orderly) Read(into []byte) (int, error) {
	for len(o.packet) == 0 {
		if o.failure != nil {
			return 0, o.failure
		}
		o.failure = o.next()
	}
	read := copy(into, o.packet)
	o.packet = o.packet[read:]
	return read, nil
}

// next reads a packet and lets by what may come now.
func (o *orderly) next() error {
	length := make([]byte, lengthSize)
	if _, err := io.ReadFull(o.from, length); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(length)
	if size < headerSize || size > mostPacket {
		return fmt.Errorf("a packet of %d bytes is none of libvirt's", size)
	}
	packet := make([]byte, size)
	copy(packet, length)
	if _, err := io.ReadFull(o.from, packet[lengthSize:]); err != nil {
		return err
	}
	serial := binary.BigEndian.Uint32(packet[serialAt:])
	switch binary.BigEndian.Uint32(packet[typeAt:]) {
	case typeReply:
		o.packet, o.early = append(packet, o.early...), nil
		if serial != o.replied {
			o.replied = serial
			o.ended = o.ended && len(o.packet) > int(size)
		}
		return nil
	case typeStream:
		if o.ended {
			return nil
		}
		o.ended = size == headerSize
		if serial != o.replied {
			o.early = append(o.early, packet...)
			return nil
		}
	}
	o.packet = packet
	return nil
}
