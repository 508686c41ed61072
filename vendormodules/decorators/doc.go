// Package decorators puts round a vendor module what every cloud needs and no module should write: another try, a limit
// on what the account is asked, a circuit breaker, figures, a log line for each call, and errors without secrets.
//
// Each decorator is one function that surrounds a call, whichever call it is; a layer applies it to the contract and to
// the optional interfaces alike. A decorated module is a vendormodules.Wrapper: it has exactly the abilities of the
// module inside, and vendormodules.AbilitiesOf shows them decorated too. Stack composes all of them in the one order
// that is right.
package decorators
