package client

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// LogEntry is an entry of an agent's log.
type LogEntry struct {
	// Source is the name of the vendor or singleton role that the bus says has written it.
	Source string `json:"source"`
	services.LogEntry
}

// LogWatching says which log entries are wanted.
type LogWatching struct {
	// Source is the name of the one agent whose entries are wanted; empty for all.
	Source string
	// Since is from when on; zero for as long as they are kept.
	Since time.Time
	// Follow goes on with what is logged next, until the context ends.
	Follow bool
}

// Logs hands over log entries in the order in which they were sent. An error of handle ends it. Agents may write what they
// like: an entry that is not of the form known here is handed over with its text as the message.
func (c *Client) Logs(ctx context.Context, watching LogWatching, handle func(LogEntry) error) error {
	var own error
	options := bus.LogOptions{Source: watching.Source, Since: watching.Since, Live: watching.Follow}
	err := c.peer.FollowLogs(ctx, options, func(sent bus.LogEntry) error {
		entry := LogEntry{Source: sent.Source}
		if json.Unmarshal(sent.Line, &entry.LogEntry) != nil || entry.Message == "" {
			entry.LogEntry = services.LogEntry{Level: "info", Message: string(sent.Line)}
		}
		if entry.Time.IsZero() {
			entry.Time = sent.At
		}
		own = handle(entry)
		return own
	})
	if own != nil {
		return own
	}
	if err != nil && ctx.Err() == nil {
		return &Error{Code: CodeUnreachable, Message: "logs cannot be read: " + err.Error(), cause: err}
	}
	return nil
}
