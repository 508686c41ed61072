// Package store holds the engines behind the persistence service: what an agent must not forget is kept here.
//
// There is one contract, services.Store, and two engines are meant to keep it: SQLite, a file per agent and the default,
// in this package now; and JetStream key-value on a NATS cluster, for agents with replicas, which joins it here behind
// the same suite, storetest.Run. An agent is written against the contract and never knows which of the two it has.
//
// # SQLite
//
// A file belongs to one process at a time: a lock file beside it (same name and ".lock") keeps a second one out, and
// tells it who holds it. The file is in write-ahead mode and each commit is synced to disk before Commit returns.
//
// One goroutine writes. Commits that wait while it syncs are joined into its next transaction, each still all or
// nothing: expectations are checked against the state that the commits before it leave, and one that fails takes none
// of the others with it. A commit is never given up half way: if its context ends before the writer takes it nothing
// is changed, and once taken its outcome is waited for, the length of one transaction.
//
// Revisions come from one counter for the whole file, kept in it, so that none is ever used twice, even for a key that
// was deleted and put again.
//
// The log is moved into the file by a goroutine of its own, not by whoever happens to commit.
//
// # Watching
//
// A watcher that is slow delays nobody: for each key only the newest entry waits for it, so it may see fewer entries
// than there were changes, but always the last of each key, never an older one after a newer one, and what waits is no
// more than one entry a key.
package store
