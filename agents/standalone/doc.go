// Package standalone runs one vendor agent as a program of its own, with whatever modules it is given: those of the
// agency, or one that lives in a tree of its own.
//
// A main function of one line is all that such a program needs; examples/own-module is one.
package standalone
