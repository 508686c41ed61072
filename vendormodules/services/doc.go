// Package services holds the four services that a vendor agent hands to its module: credentials, persistence, logging
// and serialization (mOSAIC's Cloud Agency, section "Vendor module services"). Here are their contracts and whatever of
// them needs no engine; the engines of the store live with the agents.
package services
