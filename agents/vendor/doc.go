// Package vendor is the agent that stands for one account of one cloud.
//
// It hosts one vendormodules.Module and is the only writer of that account's proposals and resources. All that clouds
// have in common is here, once: answering calls with offers whose capacity it holds, the acceptance table, commands that
// may come twice and out of order, the intent written down before the act, waiting for states by one listing for all
// waiters, credentials by class and agreement, and reconciliation of its records with what the cloud lists.
//
// It comes down from its prices as far as it was told to, and never further. A proposal of a later round of negotiation and
// the end of the one before are one commit.
//
// Memory is the truth while the agent runs and the store is how it survives: everything in memory is committed before
// anybody is told, except fresh offers, which may be lost in a crash (an unknown proposal cannot be accepted).
package vendor
