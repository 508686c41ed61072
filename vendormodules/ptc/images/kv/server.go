package kv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/resp"
)

// Serve answers commands on a listener from the data in a directory, until the context ends or the disk fails. It closes
// the listener.
func Serve(ctx context.Context, listener net.Listener, directory string) error {
	store, err := openStore(directory)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	writing := make(chan error, 1)
	go func() {
		err := store.run()
		cancel()
		writing <- err
	}()
	err = accept(ctx, listener, store)
	close(store.changes)
	return errors.Join(err, <-writing, store.log.close())
}

// accept answers connections until the context ends, and returns when all of them are closed.
func accept(ctx context.Context, listener net.Listener, store *store) error {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	stop := context.AfterFunc(ctx, func() { listener.Close() }) // Accept says it
	defer stop()
	for {
		connection, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept connections: %w", err)
		}
		tasks.Go(func() { answer(ctx, connection, store) })
	}
}

// answer answers the commands of one connection. Answers to commands that came together leave together.
func answer(ctx context.Context, connection net.Conn, store *store) {
	stop := context.AfterFunc(ctx, func() { connection.Close() }) // the read below ends by it
	defer stop()
	defer connection.Close() // the client is gone or has made a mistake
	reader, writer := bufio.NewReader(connection), bufio.NewWriter(connection)
	for {
		words, err := resp.ReadCommand(reader)
		if errors.Is(err, resp.ErrProtocol) {
			writer.Write(resp.AppendError(nil, err.Error())) //nolint:errcheck // the last word
			writer.Flush()                                   //nolint:errcheck // the last word
		}
		if err != nil {
			return
		}
		if len(words) > 0 {
			writer.Write(store.do(words)) //nolint:errcheck // Flush says it
		}
		if reader.Buffered() == 0 && writer.Flush() != nil {
			return
		}
	}
}
