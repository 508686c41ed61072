package proto

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
)

var (
	// ErrContent is wrapped by the errors of bodies that are not the content expected.
	ErrContent = errors.New("content not understood")
	// ErrVersion is wrapped by the errors of contents of a version that is not known here.
	ErrVersion = errors.New("version of content not known")
)

// ContentVersion is the version of every kind of content that is written here.
const ContentVersion = 1

const (
	contentPrefix = "application/vnd.cloud-agency."
	contentSuffix = "+json"
)

// Content is everything that a body can hold.
type Content interface {
	descriptors.CallForProposals | descriptors.Deployment |
		sla.Proposal | sla.Refusal | sla.Agreement |
		Submission | Offers | PlanChoice | Attempt | Acceptance | Cancellation | Counter |
		ResourceCommand | Outcome | Event | Question |
		VendorStatus | VendorList | CallList | AgreementList | ResourceList | FlavorList | ImageList |
		DeploymentCommand | DeploymentStatus | DeploymentList | SampleList |
		CredentialCommand | CredentialReport | SignedRegister | ConsolePage
}

// Kind is the name of a content's kind in content types.
func Kind[C Content]() string {
	var content C
	switch any(content).(type) {
	case descriptors.CallForProposals:
		return "call-for-proposals"
	case descriptors.Deployment:
		return "deployment"
	case sla.Proposal:
		return "proposal"
	case sla.Refusal:
		return "refusal"
	case sla.Agreement:
		return "agreement"
	case Submission:
		return "submission"
	case Offers:
		return "offers"
	case PlanChoice:
		return "plan-choice"
	case Attempt:
		return "attempt"
	case Acceptance:
		return "acceptance"
	case Cancellation:
		return "cancellation"
	case Counter:
		return "counter"
	case ResourceCommand:
		return "resource-command"
	case Outcome:
		return "outcome"
	case Event:
		return "event"
	case Question:
		return "question"
	case VendorStatus:
		return "vendor-status"
	case VendorList:
		return "vendor-list"
	case CallList:
		return "call-list"
	case AgreementList:
		return "agreement-list"
	case ResourceList:
		return "resource-list"
	case FlavorList:
		return "flavor-list"
	case ImageList:
		return "image-list"
	case DeploymentCommand:
		return "deployment-command"
	case DeploymentStatus:
		return "deployment-status"
	case DeploymentList:
		return "deployment-list"
	case SampleList:
		return "sample-list"
	case CredentialCommand:
		return "credential-command"
	case CredentialReport:
		return "credential-report"
	case SignedRegister:
		return "register"
	case ConsolePage:
		return "console-page"
	}
	return ""
}

// ContentType is the content type of a kind in a version.
func ContentType(kind string, version int) string {
	return contentPrefix + kind + contentSuffix + ";version=" + strconv.Itoa(version)
}

// Encode makes value the body of the message and names it in the content type.
func Encode[C Content](message *Message, value C) error {
	kind := Kind[C]()
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	if len(body) > MaxBody {
		return fmt.Errorf("encode %s: %d bytes, at most %d are allowed", kind, len(body), MaxBody)
	}
	message.ContentType, message.Body = ContentType(kind, ContentVersion), body
	return nil
}

// Decode reads the body of a message as a content of that kind. Fields that are not known here are ignored, so that a
// sender may know more; a name that stands twice in one object, invalid UTF-8, another kind and bodies over MaxBody are
// ErrContent, a version that is not known here ErrVersion.
func Decode[C Content](message Message) (C, error) {
	var value C
	kind := Kind[C]()
	if message.ContentType != ContentType(kind, ContentVersion) {
		found, version, err := ParseContentType(message.ContentType)
		switch {
		case err != nil:
			return value, err
		case found != kind:
			return value, fmt.Errorf("%w: %q where %q was expected", ErrContent, found, kind)
		case version < 1 || version > ContentVersion:
			return value, fmt.Errorf("%w: %s of version %d, known is 1 to %d", ErrVersion, kind, version, ContentVersion)
		}
	}
	if len(message.Body) > MaxBody {
		return value, fmt.Errorf("%w: %s of %d bytes, at most %d are allowed", ErrContent, kind, len(message.Body), MaxBody)
	}
	if !utf8.Valid(message.Body) {
		return value, fmt.Errorf("%w: %s is not valid UTF-8", ErrContent, kind)
	}
	if err := json.Unmarshal(message.Body, &value); err != nil {
		return *new(C), fmt.Errorf("%w: %s: %w", ErrContent, kind, err)
	}
	if name, repeated := repeatedName(message.Body); repeated {
		return *new(C), fmt.Errorf("%w: %s: the name %q stands twice in one object", ErrContent, kind, name)
	}
	return value, nil
}

// ParseContentType reads the kind and version of a content type; ErrContent if it is none of the agency's.
func ParseContentType(text string) (kind string, version int, err error) {
	mediaType, parameters, err := mime.ParseMediaType(text)
	if err != nil {
		return "", 0, fmt.Errorf("%w: content type %q: %w", ErrContent, text, err)
	}
	kind, prefixed := strings.CutPrefix(mediaType, contentPrefix)
	kind, suffixed := strings.CutSuffix(kind, contentSuffix)
	if !prefixed || !suffixed || kind == "" {
		return "", 0, fmt.Errorf("%w: content type %q is none of the agency's", ErrContent, text)
	}
	version, err = strconv.Atoi(parameters["version"])
	if err != nil {
		return "", 0, fmt.Errorf("%w: content type %q has no version", ErrContent, text)
	}
	return kind, version, nil
}

// AsRefusal is what a message says went wrong, if it says so: the refusal in a refuse, failure or not-understood, or in
// the outcome that a failure holds. One that says no more is RefusedInternal.
func AsRefusal(message Message) (sla.Refusal, bool) {
	switch message.Performative {
	case Refuse, Failure, NotUnderstood:
	default:
		return sla.Refusal{}, false
	}
	if refusal, err := Decode[sla.Refusal](message); err == nil {
		return refusal, true
	}
	if outcome, err := Decode[Outcome](message); err == nil && outcome.Refusal != nil {
		return *outcome.Refusal, true
	}
	if attempt, err := Decode[Attempt](message); err == nil {
		return sla.Refusal{Code: sla.RefusedConflict, Message: attempt.Reason}, true
	}
	return sla.Refusal{
		Code: sla.RefusedInternal, Message: fmt.Sprintf("%s answered %s without a reason", message.Sender, message.Performative),
	}, true
}
