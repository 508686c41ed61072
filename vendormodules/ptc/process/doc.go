// Package process looks at the processes of this machine, as /proc shows them, and names each so that its number's next
// owner is never taken for it.
package process
