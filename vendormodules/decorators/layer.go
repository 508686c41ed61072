package decorators

import (
	"context"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Operation is a method of a module, by the name that logs and figures show.
type Operation string

// The operations of the contract and of the optional interfaces.
const (
	Quote      Operation = "quote"
	Capacity   Operation = "capacity"
	Create     Operation = "create"
	Get        Operation = "get"
	List       Operation = "list"
	Delete     Operation = "delete"
	Start      Operation = "start"
	Stop       Operation = "stop"
	Reboot     Operation = "reboot"
	Attach     Operation = "attach"
	Detach     Operation = "detach"
	SetTargets Operation = "set-targets"
	Meter      Operation = "measure"
	Console    Operation = "console"
	Execute    Operation = "execute"
	ReadFiles  Operation = "read-files"
	WriteFiles Operation = "write-files"
	Snapshot   Operation = "snapshot"
	Image      Operation = "image"
	Resize     Operation = "resize"
	Flavors    Operation = "flavors"
	Images     Operation = "images"
	// CheckCredential is about a scope, which tells nothing of the credential.
	CheckCredential Operation = "check-credential"
)

// call is one call of a module, as a decorator sees it.
type call struct {
	operation Operation
	// subject is the key or id that the call is about, if it is about one.
	subject string
	// unrepeatable calls may have an effect each time.
	unrepeatable bool
	// long calls take as long as whoever makes them likes.
	long bool
}

// surround is a decorator: it does the call, once, again, later or not at all.
type surround func(ctx context.Context, call call, do func(context.Context) error) error

// layer is a module with every call surrounded. Describe, which does no I/O, and Close are the module's own.
type layer struct {
	vendormodules.Module
	surround surround
}

var _ vendormodules.Wrapper = (*layer)(nil)

// value surrounds a call that returns something besides its error.
func value[T any](ctx context.Context, l *layer, call call, do func(context.Context) (T, error)) (T, error) {
	var returned, none T
	err := l.surround(ctx, call, func(ctx context.Context) (err error) {
		returned, err = do(ctx)
		return err
	})
	if err != nil {
		return none, err
	}
	return returned, nil
}

func (l *layer) Quote(ctx context.Context, class descriptors.Class) (vendormodules.Quote, error) {
	return value(ctx, l, call{operation: Quote, subject: string(class.Type)},
		func(ctx context.Context) (vendormodules.Quote, error) { return l.Module.Quote(ctx, class) })
}

func (l *layer) Capacity(ctx context.Context) (vendormodules.Usage, error) {
	return value(ctx, l, call{operation: Capacity}, l.Module.Capacity)
}

// creating is a call that makes a resource of a key: repeatable where the cloud itself makes a repeat harmless.
func (l *layer) creating(operation Operation, key string) call {
	return call{operation: operation, subject: key, unrepeatable: !l.Describe().CreateToken}
}

func (l *layer) Create(ctx context.Context, request vendormodules.Request) (vendormodules.Resource, error) {
	return value(ctx, l, l.creating(Create, request.Key),
		func(ctx context.Context) (vendormodules.Resource, error) { return l.Module.Create(ctx, request) })
}

func (l *layer) Get(ctx context.Context, id string) (vendormodules.Resource, error) {
	return value(ctx, l, call{operation: Get, subject: id},
		func(ctx context.Context) (vendormodules.Resource, error) { return l.Module.Get(ctx, id) })
}

func (l *layer) List(ctx context.Context) ([]vendormodules.Resource, error) {
	return value(ctx, l, call{operation: List}, l.Module.List)
}

func (l *layer) Delete(ctx context.Context, id string) error {
	return l.surround(ctx, call{operation: Delete, subject: id},
		func(ctx context.Context) error { return l.Module.Delete(ctx, id) })
}
