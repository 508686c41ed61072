package vendor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

func TestCredentialsAreTriedAtTheCloud(t *testing.T) {
	var takes atomic.Bool
	h := newHouse(t, func(h *house) {
		h.cloud.description.Credentials = map[descriptors.ResourceType][]vendormodules.CredentialField{
			descriptors.Compute: {{Name: "user"}, {Name: "token", Secret: true}},
		}
		h.cloud.script(func(_ context.Context, operation, subject string) error {
			if operation != "check-credential" || takes.Load() {
				return nil
			}
			return fmt.Errorf("account %s: %w", subject, vendormodules.ErrAuthentication)
		}, nil)
	})
	report := func() proto.CredentialReport {
		return content[proto.CredentialReport](t, h.question(proto.TopicCredentials, ""))
	}
	if got := report(); len(got.Checks) != 0 || len(got.Needs[descriptors.Compute]) != 2 {
		t.Errorf("nothing is stored: %+v", got)
	}
	content[proto.Outcome](t, h.sealed("", "", map[string]string{"user": "ada", "token": "t"}))
	content[proto.Outcome](t, h.sealed("web", "", map[string]string{"user": "ada"}))
	got := report()
	if len(got.Checks) != 2 || got.Checks[0].State != proto.CredentialRefused || got.Checks[0].Message == "" {
		t.Errorf("the cloud takes none: %+v", got.Checks)
	}
	takes.Store(true)
	got = report()
	if got.Checks[0].State != proto.CredentialWorks || got.Checks[0].Message != "" {
		t.Errorf("the cloud takes it: %+v", got.Checks[0])
	}
	lacking := got.Checks[1]
	if lacking.State != proto.CredentialIncomplete || !slices.Equal(lacking.Missing[descriptors.Compute], []string{"token"}) {
		t.Errorf("one without its token: %+v", lacking)
	}
	if h.cloud.called("create") != 0 {
		t.Error("something was created")
	}
}

func TestPrepare(t *testing.T) {
	h := newHouse(t, func(h *house) {
		h.cloud.description.Credentials = map[descriptors.ResourceType][]vendormodules.CredentialField{
			descriptors.Compute: {{Name: "user"}, {Name: "token", Secret: true}},
		}
	})
	workers := machine(exactly(1))
	workers.Type = descriptors.Cluster
	agreement := h.agree(map[string]descriptors.Class{"web": machine(exactly(1)), "workers": workers})
	prepare := func(class string) proto.Message {
		made := orderFor(agreement, proto.VerbPrepare, class, 0)
		if class == "workers" {
			made.Class = &workers
		}
		return h.do(made)
	}
	refusal := refused(t, prepare("web"), proto.Failure, sla.RefusedCredentials)
	if !strings.Contains(refusal.Hint, "--vendor athens --class web") || !strings.Contains(refusal.Message, "user") {
		t.Errorf("refused with %q", refusal.Error())
	}
	refused(t, prepare("workers"), proto.Failure, sla.RefusedCredentials)
	store := func(class, agreementID string, fields map[string]string) {
		t.Helper()
		content[proto.Outcome](t, h.sealed(class, agreementID, fields))
	}
	store("web", "", map[string]string{"user": "ada", "token": "t"})
	content[proto.Outcome](t, prepare("web"))
	refused(t, prepare("workers"), proto.Failure, sla.RefusedCredentials)
	store("", "", map[string]string{"user": "all", "token": "t"})
	content[proto.Outcome](t, prepare("workers"))
	store("workers", agreement.ID, map[string]string{"user": "narrow"}) // the narrowest serves, and lacks a field
	if refusal := refused(t, prepare("workers"), proto.Failure, sla.RefusedCredentials); !strings.Contains(refusal.Message, "token") {
		t.Errorf("refused with %q", refusal.Error())
	}
	other := orderFor(agreement, proto.VerbPrepare, "web", 0)
	other.Class.Image = "windows"
	if refusal := refused(t, h.do(other), proto.Failure, sla.RefusedUnsupported); !strings.Contains(refusal.Hint, "shell") {
		t.Errorf("refused with %q", refusal.Error())
	}
	if h.cloud.called("create") != 0 || len(h.status().Credentials) != 3 {
		t.Errorf("created %d times, credentials %v", h.cloud.called("create"), h.status().Credentials)
	}
}

// sealed stores a credential as a client does.
func (h *house) sealed(class, agreement string, fields map[string]string) proto.Message {
	h.t.Helper()
	plain, err := json.Marshal(fields)
	must(h.t, err)
	made := proto.CredentialCommand{}
	made.Scope.Vendor, made.Scope.Class, made.Scope.Agreement = vendorName, class, agreement
	made.Sealed, err = sealTo(h.status().Sealing, plain)
	must(h.t, err)
	return h.ask(h.client, proto.SubjectCommand(vendorName), message(h.t, proto.Request, "credential", made))
}
