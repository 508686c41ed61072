// Package descriptors holds what a person writes and what the agency makes of it before anyone bids: the application,
// the call for proposals derived from it, and the deployment that an accepted plan binds it to.
//
// The three are plain data. They know no vendor, no price list and no wire; they are read strictly from YAML, with every
// fault reported at its line and column, and written back in a form that can be read again.
package descriptors

//go:generate go run ./internal/schemagen ../docs
