// Package difference compares what runs with what is wanted: a deployment with an application, class by class and field
// by field, and says of each change what it takes. It reads and changes nothing but its arguments.
package difference
