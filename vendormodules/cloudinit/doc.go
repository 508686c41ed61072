// Package cloudinit turns a request into the user data by which cloud-init makes a fresh machine what was asked for: its
// name, keys, files, volumes and commands, and the class's own user data beside them.
//
// All that the agency puts into a machine is below /var/lib/agency: shell scripts that run by any POSIX shell, and one
// file for each command. Commands are supervised by systemd, and by a loop of the shell where there is none; they are
// started at every boot, once the volumes are mounted and the files are in place.
//
// Clouds take user data up to a size. Where it is too much even when compressed, what did not fit is a Rest, to be brought
// to the machine otherwise, such as by SSH; until then the machine starts no command. An image without cloud-init boots
// and does nothing of all this: a module for such images brings everything as a Rest, which needs a shell and tar alone.
//
// What is in user data, any program on the machine can read at the cloud's metadata service.
package cloudinit
