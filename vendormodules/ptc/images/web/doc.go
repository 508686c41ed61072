// Package web is the web server of the static-web image: it serves files, says that it is well and who it is, and may
// count visits in a key-value server.
package web
