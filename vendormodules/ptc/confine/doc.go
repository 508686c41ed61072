// Package confine keeps a machine's commands to the machine's own files, by Landlock: they may read the system's
// programs and settings and change nothing but what is theirs, whoever the agency runs as.
package confine
