// Package inert is the inside of machines in which nothing runs: files that are kept in memory, and answers to the few
// commands that need nothing else. Clouds that are made of numbers show it to whoever looks into a machine.
//
// What happens there follows from what was asked for alone, and sleeping is the caller's business, whose clock it is.
package inert
