package ec2test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Account is one account of the cloud, in one region with one zone and one default VPC.
type Account struct {
	// Page is how many things a listing shows at the most at once.
	Page int
	// Late is for how many listings after its create a thing is not shown.
	Late int
	// Slow is for how many listings a thing stays in a state that passes.
	Slow int
	// Boot is what a machine prints when it starts, by its user data; nil for nothing.
	Boot func(userData []byte) string
	// Sick are the addresses of targets that no check finds healthy.
	Sick []string
	// Zones are how many there are with a default subnet; 0 for none.
	Zones int
	// Plain clouds ignore the tags that a create asks for.
	Plain bool
	// Wet clouds do for real what they are asked to do dry.
	Wet bool
	// Off are the actions that the cloud does not know, as one has fewer that only speaks the same API.
	Off []string

	mutex   sync.Mutex
	refused bool
	serial  int
	things  []*thing
	tokens  map[string]*thing
	faults  map[string]string
}

// Start serves the account until the test ends, and returns the URL.
func (a *Account) Start(t *testing.T) string {
	t.Helper()
	a.tokens, a.faults = map[string]*thing{}, map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(server.Close)
	return server.URL
}

// Take says whether the account's credential is taken.
func (a *Account) Take(takes bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.refused = !takes
}

// Fail lets the next call of an action fail with an error code.
func (a *Account) Fail(action, code string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.faults[action] = code
}

// Count is how many things exist that somebody made.
func (a *Account) Count() int {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	count := 0
	for _, one := range a.things {
		if one.state != "terminated" {
			count++
		}
	}
	return count
}

// failure is an answer that is an error.
type failure struct{ code, message string }

func (f failure) Error() string { return f.code + ": " + f.message }

func failed(code, format string, arguments ...any) error {
	return failure{code, fmt.Sprintf(format, arguments...)}
}

const (
	computeVersion = "2016-11-15"
	namespace      = "http://ec2.amazonaws.com/doc/" + computeVersion + "/"
)

func (a *Account) serve(writer http.ResponseWriter, request *http.Request) {
	if target := request.Header.Get("X-Amz-Target"); target != "" {
		a.serveJSON(writer, request, target)
		return
	}
	if err := request.ParseForm(); err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	form := parameters(request.Form)
	action, version := form.text("Action"), form.text("Version")
	a.mutex.Lock()
	body, err := a.act(action, request.Header.Get("Authorization"), form)
	a.mutex.Unlock()
	writer.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	if err != nil {
		refuse(writer, version, err)
		return
	}
	_, _ = writer.Write([]byte(xml.Header))
	encoder := xml.NewEncoder(writer)
	response := xml.StartElement{Name: xml.Name{Space: namespace, Local: action + "Response"}}
	if version == computeVersion {
		_ = encoder.EncodeElement(body, response)
		return
	}
	// The other services put what they have to say into an element of its own.
	response.Name.Space = ""
	_ = encoder.EncodeToken(response)
	_ = encoder.EncodeElement(body, xml.StartElement{Name: xml.Name{Local: action + "Result"}})
	_ = encoder.EncodeToken(response.End())
	_ = encoder.Close()
}

// refuse answers with an error as the API does.
func refuse(writer http.ResponseWriter, version string, err error) {
	said := saidBy(err)
	if said.code == "RequestLimitExceeded" {
		writer.Header().Set("Retry-After", "7")
	}
	writer.WriteHeader(statusOf(said.code))
	if version != computeVersion {
		_, _ = fmt.Fprintf(writer, "%s<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>",
			xml.Header, said.code, said.message)
		return
	}
	_, _ = fmt.Fprintf(writer, "%s<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>r-1</RequestID></Response>",
		xml.Header, said.code, said.message)
}

// saidBy is an error as a failure.
func saidBy(err error) failure {
	var said failure
	if errors.As(err, &said) {
		return said
	}
	return failure{"InternalError", err.Error()}
}

func statusOf(code string) int {
	switch code {
	case "AuthFailure":
		return http.StatusUnauthorized
	case "UnauthorizedOperation", "AccessDenied":
		return http.StatusForbidden
	case "DryRunOperation":
		return http.StatusPreconditionFailed
	case "RequestLimitExceeded":
		return http.StatusServiceUnavailable
	case "InternalError", "InsufficientInstanceCapacity":
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// off says whether an action is switched off.
func (a *Account) off(action string) bool { return slices.Contains(a.Off, action) }

// admit says why nothing is done: the test wants it, or the credential is not taken, which the code tells.
func (a *Account) admit(action, authorization, code string) error {
	if fault := a.faults[action]; fault != "" {
		delete(a.faults, action)
		return failed(fault, "as the test wants")
	}
	if a.refused || !strings.Contains(authorization, "Credential="+AccessKey+"/") {
		return failed(code, "AWS was not able to validate the provided access credentials")
	}
	return nil
}

// act does what an action asks for. The mutex is held.
func (a *Account) act(name, authorization string, asked parameters) (any, error) {
	if err := a.admit(name, authorization, "AuthFailure"); err != nil {
		return nil, err
	}
	known := false
	do := action(nil)
	switch asked.text("Version") {
	case computeVersion:
		do, known = actions()[name]
	case balancingVersion:
		do, known = balancingActions()[name]
	case monitoringVersion:
		do, known = monitoringActions()[name]
	}
	if !known || a.off(name) {
		return nil, failed("InvalidAction", "The action %s is not valid for this web service", name)
	}
	if asked.text("DryRun") == "true" && !a.Wet {
		return nil, failed("DryRunOperation", "Request would have succeeded, but DryRun flag is set")
	}
	return do(a, asked)
}

// The credential that the account takes.
const (
	AccessKey = "AKIAEC2TEST"
	SecretKey = "planted-ec2-secret-4711"
)

// parameters are those of a call.
type parameters url.Values

func (p parameters) text(name string) string { return url.Values(p).Get(name) }

// list is what is numbered from 1.
func (p parameters) list(name string) []string {
	var values []string
	for number := 1; ; number++ {
		value, found := p[fmt.Sprintf("%s.%d", name, number)]
		if !found {
			return values
		}
		values = append(values, value[0])
	}
}

// tags are those of the first TagSpecification.
func (p parameters) tags(prefix string) map[string]string {
	tags := map[string]string{}
	for number := 1; ; number++ {
		key, found := p[fmt.Sprintf("%sTag.%d.Key", prefix, number)]
		if !found {
			return tags
		}
		tags[key[0]] = p.text(fmt.Sprintf("%sTag.%d.Value", prefix, number))
	}
}

// filters are the values that are let through, by what they are compared with.
func (p parameters) filters() map[string][]string {
	filters := map[string][]string{}
	for number := 1; ; number++ {
		name, found := p[fmt.Sprintf("Filter.%d.Name", number)]
		if !found {
			return filters
		}
		filters[name[0]] = p.list(fmt.Sprintf("Filter.%d.Value", number))
	}
}
