package services

import (
	"context"
	"errors"
)

// ErrNoCredential is returned when no credential is stored for what was asked.
var ErrNoCredential = errors.New("no credential stored")

// Scope says what a credential is for. The narrowest stored one serves: vendor, class and agreement, then vendor and
// class, then vendor alone.
type Scope struct {
	Vendor string `json:"vendor" yaml:"vendor"`
	// Class is a resource class's name; empty for every class.
	Class string `json:"class,omitempty" yaml:"class,omitempty"`
	// Agreement is an agreement's id; empty for every agreement.
	Agreement string `json:"agreement,omitempty" yaml:"agreement,omitempty"`
}

// Credentials hands out what a module needs to act for an account.
type Credentials interface {
	// Credential returns the narrowest credential stored for the scope, ErrNoCredential if there is none.
	Credential(ctx context.Context, scope Scope) (Credential, error)
}

// Credential is a set of values by field name.
type Credential map[string]Secret
