// Package broker is the agent that brings the vendors' proposals and the person's choice together.
//
// It calls every enrolled vendor for proposals, makes plans of what they answer, takes the plan that a person chooses at
// all of its vendors or at none, and ends agreements. It owns the records of calls, attempts, agreements and deployment
// descriptors; what runs is the deployer's affair.
//
// # Taking a plan
//
// An attempt is one record, changed by compare-and-set, and its legs are the outbox: whatever is lost, the broker asks
// each vendor again with the same command id until it has an answer. Either all vendors agree and the attempt is
// committed, in the same commit as the agreements and the deployment's descriptor; or one of them fails, the time runs
// out or the person cancels, and it is undone: every leg that was not refused is cancelled, heard from or not. An attempt
// that a crash interrupted is taken up at the next start where its record stands.
//
// # Negotiating
//
// Until a plan is taken a person may answer a proposal with a counter-offer. A round of that is written down before the
// vendor is asked, and taken up again where a crash interrupted it; while it has no end no plan of the call is taken. The
// answer takes the place of the proposal before in the call's record, with the plans that there are then, unless it is
// worse, too late, or the call has been closed: then it is rejected.
//
// # Names
//
// A deployment's name belongs to one open call or standing deployment at a time. The name's record and the record of
// where its call stands are what commits compare, so that of two submissions under one name, or two acceptances of one
// call, exactly one wins.
package broker
