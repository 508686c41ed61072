package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules/services"
)

// SetCredential stores a credential at a vendor. Its values travel sealed to that vendor's key, and are sealed there at
// rest.
func (c *Client) SetCredential(ctx context.Context, scope services.Scope, values services.Credential) error {
	vendor, err := c.Vendor(ctx, scope.Vendor)
	if err != nil {
		return err
	}
	plain := make(map[string]string, len(values))
	for field, value := range values {
		plain[field] = value.Reveal()
	}
	encoded, err := json.Marshal(plain)
	if err != nil {
		return fmt.Errorf("write credential: %w", err)
	}
	sealed, err := bus.SealTo(vendor.Sealing, encoded)
	if err != nil {
		return fmt.Errorf("seal credential for %s: %w", scope.Vendor, err)
	}
	return c.credential(ctx, proto.CredentialCommand{Scope: scope, Sealed: sealed})
}

// RemoveCredential removes a credential from a vendor; one that is not there is an error of class NotFound.
func (c *Client) RemoveCredential(ctx context.Context, scope services.Scope) error {
	return c.credential(ctx, proto.CredentialCommand{Scope: scope, Remove: true})
}

func (c *Client) credential(ctx context.Context, content proto.CredentialCommand) error {
	receiver := proto.Vendor(content.Scope.Vendor)
	message, err := newMessage(receiver, proto.Request, proto.RequestProtocol, content)
	if err != nil {
		return err
	}
	answer, err := c.do(ctx, message)
	if err != nil {
		return err
	}
	if answer.Performative != proto.Inform {
		return refused(receiver.String(), refusalIn(answer))
	}
	return nil
}

// CheckCredentials has a vendor try at its cloud whatever is stored there. Of a vendor that does not understand that,
// all are untried.
func (c *Client) CheckCredentials(ctx context.Context, vendor string) (proto.CredentialReport, error) {
	status, err := c.Vendor(ctx, vendor)
	if err != nil {
		return proto.CredentialReport{}, err
	}
	report, err := question[proto.CredentialReport](ctx, c, proto.Vendor(vendor), proto.Question{Topic: proto.TopicCredentials})
	if ClassOf(err) == BadInput {
		return untried(status), nil
	}
	return report, err
}

func untried(status proto.VendorStatus) proto.CredentialReport {
	report := proto.CredentialReport{Vendor: status.Name, Checks: []proto.CredentialCheck{}}
	for _, scope := range status.Credentials {
		scope.Vendor = status.Name
		report.Checks = append(report.Checks, proto.CredentialCheck{
			Scope: scope, State: proto.CredentialUntried, Message: "the vendor does not know how to try credentials",
		})
	}
	return report
}

// ListCredentials says for what a vendor, or each of them if it is empty, has credentials: never their values.
func (c *Client) ListCredentials(ctx context.Context, vendor string) ([]services.Scope, error) {
	names := []string{vendor}
	if vendor == "" {
		vendors, err := c.Vendors(ctx)
		if err != nil {
			return nil, err
		}
		names = names[:0]
		for _, status := range vendors {
			if status.Present {
				names = append(names, status.Name)
			}
		}
	}
	scopes := []services.Scope{}
	for _, name := range names {
		status, err := c.Vendor(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, scope := range status.Credentials {
			scope.Vendor = name
			scopes = append(scopes, scope)
		}
	}
	return scopes, nil
}
