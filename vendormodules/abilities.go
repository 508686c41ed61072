package vendormodules

// Abilities are the optional interfaces that a module has, each nil where it lacks it.
type Abilities struct {
	Power    Power
	Attacher Attacher
	Balancer Balancer
	Meter    Meter
	Console  Console
	Executor Executor
	Files    Files
	// Snapshotter, Imager and Resizer work on what exists already.
	Snapshotter Snapshotter
	Imager      Imager
	Resizer     Resizer
	// Catalogue shows flavors and images.
	Catalogue Catalogue
	// Credentials tries credentials.
	Credentials CredentialChecker
}

// Wrapper is a module round another. What it is able to do depends on the module inside, which its type cannot say; it
// says so by Abilities instead, and asserting an optional interface on it proves nothing.
type Wrapper interface {
	Module
	Abilities() Abilities
}

// AbilitiesOf says what a module can do beyond the contract, wrapped or not. Whoever wants an optional interface of a
// module asks here, once, rather than by a type assertion.
func AbilitiesOf(module Module) Abilities {
	if wrapper, wrapped := module.(Wrapper); wrapped {
		return wrapper.Abilities()
	}
	var abilities Abilities
	abilities.Power, _ = module.(Power)
	abilities.Attacher, _ = module.(Attacher)
	abilities.Balancer, _ = module.(Balancer)
	abilities.Meter, _ = module.(Meter)
	abilities.Console, _ = module.(Console)
	abilities.Executor, _ = module.(Executor)
	abilities.Files, _ = module.(Files)
	abilities.Snapshotter, _ = module.(Snapshotter)
	abilities.Imager, _ = module.(Imager)
	abilities.Resizer, _ = module.(Resizer)
	abilities.Catalogue, _ = module.(Catalogue)
	abilities.Credentials, _ = module.(CredentialChecker)
	return abilities
}
