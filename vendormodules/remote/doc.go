// Package remote runs commands in machines and copies files by SSH, for clouds whose API has no way into a machine.
//
// A module's account has one secret, in a file of the module's own directory. From it follow the key by which the module
// logs in, and for each machine the key of its SSH server, which cloud-init puts in place (see cloudinit): so every
// machine is known before the first contact, nobody can stand between, and nothing is to be remembered.
package remote
