package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// mostNamed is how many of the things that are offered a refusal names.
const mostNamed = 12

// Unsupported refuses a thing of a name that is not among those offered, and hints at the one that was meant.
func Unsupported(what, name string, offered []string) *sla.Refusal {
	refusal := &sla.Refusal{Code: sla.RefusedUnsupported, Message: fmt.Sprintf("no %s %q here", what, name)}
	near, found := descriptors.Nearest(name, offered)
	switch {
	case found:
		refusal.Hint = fmt.Sprintf("the nearest is %q", near)
	case len(offered) == 1:
		refusal.Hint = "there is " + offered[0]
	case len(offered) > mostNamed:
		refusal.Hint = fmt.Sprintf("there are %s and %d more", strings.Join(offered[:mostNamed], ", "), len(offered)-mostNamed)
	case len(offered) > 0:
		refusal.Hint = "there are " + strings.Join(offered, ", ")
	}
	return refusal
}

// TooLarge refuses so much of something, and hints at the most that would do.
func TooLarge(what, wanted, most string) *sla.Refusal {
	return &sla.Refusal{
		Code: sla.RefusedCapacity, Message: fmt.Sprintf("%s %s is more than there is in all", what, wanted), Hint: "would do " + most,
	}
}

// elsewhere refuses a place that is not this one.
func elsewhere(what string, wanted descriptors.Names, here string) *sla.Refusal {
	message := fmt.Sprintf("not in %s %s", what, strings.Join(wanted, " or "))
	hint := fmt.Sprintf("this is %s %s", what, here)
	if here == "" {
		hint = "this vendor's " + what + " is not known"
	}
	return &sla.Refusal{Code: sla.RefusedPlacement, Message: message, Hint: hint}
}

// Texts are named values as texts.
func Texts[S ~string](values []S) []string {
	texts := make([]string, 0, len(values))
	for _, value := range values {
		texts = append(texts, string(value))
	}
	return texts
}

// Known says whether a name is among others; if it is not, that is a fault of what stands at the path.
func Known(fault vendormodules.Fault, path, name string, names []string) bool {
	if slices.Contains(names, name) {
		return true
	}
	message := fmt.Sprintf("there is no %q", name)
	if near, found := descriptors.Nearest(name, names); found {
		message += fmt.Sprintf("; did you mean %q?", near)
	}
	fault(path, "%s", message)
	return false
}
