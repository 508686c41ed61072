// Package scale measures the agency at scale, and has nothing but tests.
//
// An agency of a broker, a deployer and vendor agents on simulated clouds without latency, all real, on a real bus and
// real stores, deploys a thousand applications of ten resources each in one go, and answers questions about them; and a
// call goes out to a thousand vendors. The clouds cost next to nothing, so that what is measured is the agency.
//
// `make bench` runs small sizes. The full ones are asked for by flags, each size in a process of its own, because the
// most memory that was used is known of a process only:
//
//	go test -run '^$' -bench Applications -benchtime 1x -timeout 30m ./agents/scale -applications 1000
//	go test -run '^$' -bench Call -timeout 30m ./agents/scale -vendors 10,100,1000
package scale
