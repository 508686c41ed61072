// Package examples holds the descriptors that the demonstration and the documentation use, so that the program has them
// with it wherever it runs.
package examples

import "embed"

// Files are the examples, with the files that they upload beside them.
//
//go:embed *.yaml site hello-site
var Files embed.FS
