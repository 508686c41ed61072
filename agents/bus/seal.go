package bus

import "github.com/cloud-agency/agency/vendormodules/services"

// SealTo seals a secret so that only the agent whose SealingKey is recipient can read it.
func SealTo(recipient string, secret []byte) ([]byte, error) {
	return services.SealTo(recipient, secret)
}

// Unseal opens what was sealed to this agent.
func (p *Peer) Unseal(sealed []byte) ([]byte, error) { return p.sealing.Open(sealed) }

// SealingKey is the public key to which secrets for this agent are sealed. It is in the agent's entry of the register.
func (p *Peer) SealingKey() string { return p.sealingKey }
