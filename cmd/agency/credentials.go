package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/cmd/agency/present"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/services"
)

type credentialsVerb struct {
	Set    credentialsSetVerb    `cmd:"" help:"Store a credential at a vendor; asks for its values without echo."`
	List   credentialsListVerb   `cmd:"" help:"Say for what credentials are stored; never their values."`
	Check  credentialsCheckVerb  `cmd:"" help:"Have vendors try what is stored; say what is missing."`
	Remove credentialsRemoveVerb `cmd:"" help:"Remove a credential from a vendor."`
}

// scope are the flags that say what a credential is for.
type scope struct {
	Vendor    string `required:"" placeholder:"NAME" help:"Vendor that the credential is for."`
	Class     string `placeholder:"CLASS" help:"Only for that resource class."`
	Agreement string `placeholder:"ID" help:"Only under that agreement."`
}

func (f scope) scope() services.Scope {
	return services.Scope{Vendor: f.Vendor, Class: f.Class, Agreement: f.Agreement}
}

type credentialsSetVerb struct {
	scope
	Field []string `placeholder:"NAME" help:"Field to ask for; by default those that the vendor names."`
	From  string   `placeholder:"FILE" help:"Read NAME=VALUE lines from there instead of asking; - is standard input."`
	target
}

// Help implements kong.HelpProvider.
func (credentialsSetVerb) Help() string {
	return example(
		"agency credentials set --vendor openstack-berlin",
		"agency credentials set --vendor openstack-berlin --class web --from - < web.credential") +
		"\n\nValues are never arguments, which others could read in the list of processes. They travel sealed to the " +
		"vendor's key, and are kept sealed."
}

// Run asks for the values and stores them.
func (v credentialsSetVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	vendor, err := agency.Vendor(ctx, v.Vendor)
	if err != nil {
		return err
	}
	fields := v.fields(vendor)
	values, err := s.credentialValues(ctx, v.From, fields)
	if err != nil {
		return err
	}
	if err := agency.SetCredential(ctx, v.scope.scope(), values); err != nil {
		return err
	}
	s.screen.Line("Stored for %s: %s.", v.scope.scope(), strings.Join(slices.Sorted(maps.Keys(values)), ", "))
	return nil
}

// fields are those asked for by name, else those that the vendor says it needs, for whatever type.
func (v credentialsSetVerb) fields(vendor proto.VendorStatus) []vendormodules.CredentialField {
	var fields []vendormodules.CredentialField
	for _, name := range v.Field {
		fields = append(fields, vendormodules.CredentialField{Name: name, Secret: true})
	}
	if len(fields) > 0 || vendor.Description == nil {
		return fields
	}
	for _, kind := range slices.Sorted(maps.Keys(vendor.Description.Credentials)) {
		for _, field := range vendor.Description.Credentials[kind] {
			known := func(other vendormodules.CredentialField) bool { return other.Name == field.Name }
			if !slices.ContainsFunc(fields, known) {
				fields = append(fields, field)
			}
		}
	}
	return fields
}

// credentialValues reads the values from a file or asks for them at the terminal.
func (s *session) credentialValues(
	ctx context.Context, from string, fields []vendormodules.CredentialField,
) (services.Credential, error) {
	if from != "" {
		_, content, err := s.readFile(from)
		if err != nil {
			return nil, err
		}
		return parseCredential(string(content))
	}
	keyboard, asked := s.terminal()
	switch {
	case len(fields) == 0:
		return nil, badInput("--field NAME asks for one all the same", "the vendor names no fields of a credential")
	case !asked:
		return nil, badInput("--from FILE reads NAME=VALUE lines", "there is no terminal to ask at")
	}
	return s.askCredential(ctx, keyboard, fields)
}

func askField(ctx context.Context, keyboard *os.File, lines *bufio.Reader, secret bool) (string, error) {
	if secret {
		return askSecret(ctx, keyboard)
	}
	return askLine(ctx, keyboard, lines)
}

func (s *session) askCredential(
	ctx context.Context, keyboard *os.File, fields []vendormodules.CredentialField,
) (services.Credential, error) {
	values := services.Credential{}
	lines := bufio.NewReader(keyboard)
	for _, field := range fields {
		prompt := field.Name
		if field.Help != "" {
			prompt += " (" + field.Help + ")"
		}
		_, _ = fmt.Fprintf(s.err, "%s: ", prompt)
		value, err := askField(ctx, keyboard, lines, field.Secret)
		if field.Secret || err != nil {
			s.notes.Line("")
		}
		if err != nil {
			return nil, err
		}
		if value == "" {
			return nil, badInput("", "%s is empty; nothing was stored", field.Name)
		}
		values[field.Name] = services.NewSecret(value)
	}
	return values, nil
}

// parseCredential reads NAME=VALUE lines. Empty lines and those that begin with # are left out. Faults name the line,
// and never what it says.
func parseCredential(content string) (services.Credential, error) {
	values := services.Credential{}
	number := 0
	for line := range strings.Lines(content) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !found || name == "" || value == "" {
			return nil, badInput("write NAME=VALUE", "line %d of the credential is not a name and its value", number)
		}
		values[name] = services.NewSecret(value)
	}
	if len(values) == 0 {
		return nil, badInput("write NAME=VALUE lines", "the credential has no values")
	}
	return values, nil
}

type credentialsListVerb struct {
	Vendor string `placeholder:"NAME" help:"Only those of that vendor."`
	reading
	target
}

// Help implements kong.HelpProvider.
func (credentialsListVerb) Help() string { return example("agency credentials list") }

// credentialList is what list prints for programs.
type credentialList struct {
	Credentials []services.Scope `json:"credentials"`
}

// Run lists what credentials are for.
func (v credentialsListVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	scopes, err := agency.ListCredentials(ctx, v.Vendor)
	if err != nil {
		return err
	}
	return s.print(v.Output, credentialList{scopes}, func() {
		if len(scopes) == 0 {
			s.screen.Line("No credentials are stored.")
			return
		}
		rows := make([][]string, len(scopes))
		for i, one := range scopes {
			rows[i] = []string{one.Vendor, orNone(one.Class), orNone(one.Agreement)}
		}
		s.screen.Table(present.Columns("VENDOR", "CLASS", "AGREEMENT"), rows)
	})
}

func orNone(text string) string {
	if text == "" {
		return present.None
	}
	return text
}

type credentialsRemoveVerb struct {
	scope
	target
}

// Help implements kong.HelpProvider.
func (credentialsRemoveVerb) Help() string {
	return example("agency credentials remove --vendor openstack-berlin --class web")
}

// Run removes a credential.
func (v credentialsRemoveVerb) Run(ctx context.Context, s *session) error {
	agency, closeAgency, err := s.connect(ctx, v.target)
	if err != nil {
		return err
	}
	defer closeAgency()
	if err := agency.RemoveCredential(ctx, v.scope.scope()); err != nil {
		return err
	}
	s.screen.Line("Removed: %s.", v.scope.scope())
	return nil
}
