// Package vendormodules is the contract between a vendor agent and a cloud.
//
// A Module knows one kind of cloud and one account of it. It holds only what is peculiar to that cloud: how to price a
// class, how to create, show, list and delete what the agency calls a resource. Idempotency records, retries, rate
// limits, waiting, capacity holds, tags and reconciliation belong to the vendor agent, once for all clouds. A module
// reads no environment, opens no global, starts no goroutine that outlives Close, and never sees the bus.
//
// What a cloud can do beyond the contract, it shows by implementing one of the small optional interfaces (Power,
// Attacher, Balancer, Meter, Console, Executor, Files, Snapshotter, Imager, Resizer, Catalogue); AbilitiesOf finds them, also
// through the decorators put round a module. The suite in vendortest proves every one of them.
package vendormodules
