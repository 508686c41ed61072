package vendortest

import (
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// proveCredentials tries a credential that the cloud takes and one that it does not, and sees that neither try left
// anything behind.
func proveCredentials(b *bench) {
	checker := vendormodules.AbilitiesOf(b.module).Credentials
	scope := services.Scope{Vendor: "vendortest"}
	b.provider.Credential(b.T, true)
	if err := checker.CheckCredential(b.Context(), scope); err != nil {
		b.Errorf("CheckCredential of one that the cloud takes: %v", err)
	}
	if err := checker.CheckCredential(cancelled(), scope); err == nil {
		b.Errorf("CheckCredential after its context has ended: no error")
	}
	b.provider.Credential(b.T, false)
	b.wants(checker.CheckCredential(b.Context(), scope), vendormodules.ErrAuthentication,
		"CheckCredential of one that the cloud does not take")
	b.provider.Credential(b.T, true)
	b.lists()
}
