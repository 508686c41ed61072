// Package simulated is a cloud made of numbers: nothing in it runs, and everything else about it is like a cloud.
//
// It is for tests and for what-ifs at scale. Its configuration says how long each operation takes, how often it fails
// and how, what the account may have and what the cloud has, how late listings are, how often an answer is lost after
// the call has worked, what things cost and how that changes with time. Left out, everything is at once, cheap, and
// never wrong.
//
// Chance is seeded. What happens to a call follows from the seed, the operation, what it is about, how many such calls
// there were and how often the account was opened, never from the order in which calls about other things arrive: with
// an injected clock equal seeds give equal histories, also of concurrent calls.
//
// Machines take files and give them back, and answer a few commands (package inert). What is in them is kept in memory,
// and lost when the module is closed; all else outlives it.
//
// The account is kept in the Environment's store, one record a resource, and so outlives the agency, as a cloud does.
// Nobody is ever to take it for real: every id begins with "sim-", every address is of 198.18.0.0/15, which RFC 2544
// sets aside for measuring, every resource has a warning and every proposal a note.
package simulated
