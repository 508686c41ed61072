// Package docker is the cloud of those who have a container engine: Docker's, or any that speaks its API, such as Podman's.
//
// Machines are containers, volumes and networks the engine's own, and a balancer is a container that runs the agency's
// program. Nothing is kept beside the engine: what it is whose stands in labels, and the key is in every name, which makes
// a repeated create harmless at one engine. Of several engines each resource lives at one; networks and volumes draw the
// machines that use them to theirs.
//
// A machine's commands are started, and started again, by a shell script that is copied into its container, so that any
// image with a POSIX shell will do. An image that nothing is to be run in runs what it runs by itself.
package docker
