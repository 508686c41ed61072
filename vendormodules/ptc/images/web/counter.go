package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/resp"
)

// askLimit is how long the key-value server may take to answer.
const askLimit = time.Second

// visits is the key of the counter.
const visits = "visits"

// counter counts visits over one connection, which it makes when it needs it.
type counter struct {
	address string

	mu         sync.Mutex
	connection net.Conn
	reader     *bufio.Reader
}

// visit counts one visit more. On a connection that the server has closed since the last one it tries again, once.
func (c *counter) visit(ctx context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := c.connection == nil
	count, err := c.ask(ctx)
	if err != nil && !fresh && ctx.Err() == nil {
		count, err = c.ask(ctx)
	}
	return count, err
}

func (c *counter) ask(ctx context.Context) (count int64, err error) {
	if c.connection == nil {
		dialer := net.Dialer{Timeout: askLimit}
		if c.connection, err = dialer.DialContext(ctx, "tcp", c.address); err != nil {
			c.connection = nil
			return 0, fmt.Errorf("database: %w", err)
		}
		c.reader = bufio.NewReader(c.connection)
	}
	err = c.connection.SetDeadline(time.Now().Add(askLimit))
	if err == nil {
		_, err = c.connection.Write(resp.AppendCommand(nil, "INCR", visits))
	}
	var reply resp.Reply
	if err == nil {
		reply, err = resp.ReadReply(c.reader)
	}
	if err != nil {
		err = fmt.Errorf("database: %w", errors.Join(err, c.connection.Close()))
		c.connection = nil
	}
	return reply.Number, err
}

func (c *counter) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connection != nil {
		c.connection.Close() // nothing is under way
	}
}
