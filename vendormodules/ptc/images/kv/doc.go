// Package kv is the key-value server of the kv-store image: a few commands of RESP on a map in memory and a log on disk.
//
// Every change is in the log, and the log on the disk, before it is answered; changes that come at the same time share
// one write. What a crash cut short at the log's end was never answered and is dropped at the next start.
package kv
