package vendortest

import (
	"context"
	"testing"
	"time"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
)

// Provider is what the suite needs to know of a cloud.
type Provider struct {
	// Agency is the id of the agency that modules are opened for; resources are tagged with it.
	Agency string
	// Account gives a test an account on which the agency has no resources.
	Account func(t *testing.T) Account
	// Classes has one class for each type that the module creates (a cluster needs none): small, cheap and, if it runs
	// machines, of an image that stays running.
	Classes map[descriptors.ResourceType]descriptors.Class
	// Wait is the longest that anything may take to come about at the cloud; 30 s if zero.
	Wait time.Duration

	// Against is what the module is tested against, with its version: "govmomi's simulator 0.53.0". Unless empty, what the
	// suite finds is compared with Record, a file below the package's testdata that documentation is generated from;
	// with UPDATE_DOCS=1 in the environment it is written anew.
	Against, Record string
	// Unproven are tests of the suite that this provider cannot show the truth of, by name, each with the reason: a cloud
	// whose machines do not really boot has no console to look at.
	Unproven map[string]string
	// Line, if the suite can make the way to the cloud bad, lets it prove how the module bears that.
	Line Line
	// Lineless says why there is no Line, of a cloud that has no way to it which could be bad.
	Lineless string
	// Scripts, if there is a way to say what a machine does, let the suite prove consoles and the data on volumes.
	Scripts Scripts
	// Credential makes the cloud take the account's credential, as it does at first, or not. A module that tries
	// credentials needs it.
	Credential func(t *testing.T, takes bool)
	// Target starts something that a balancer of the account can reach and that answers by its name. Together with Fetch
	// it lets the suite prove balancers. LocalTarget does for clouds on this machine.
	Target func(t *testing.T, name string) vendormodules.Target
	// Fetch asks a balancer once, and returns the name of the target that answered. HTTPFetch does where its address can
	// be reached from here.
	Fetch func(ctx context.Context, balancer vendormodules.Resource, class descriptors.Class) (string, error)
}

// Account is one account of a cloud.
type Account struct {
	// Open opens a module on the account. The suite opens a second one after the first has ended, as an agency does that
	// starts again.
	Open func(t *testing.T) vendormodules.Module
	// Crash ends a module as the death of its process would, without its help; nil if Close is no different.
	Crash func(t *testing.T, module vendormodules.Module)
	// Listing counts by other means than the module what exists at the account, whoever made it; nil if there is no other
	// means.
	Listing func(t *testing.T) int
	// Machine tells by other means than the module the cores and the memory of a machine, by the cloud's id; nil if there is
	// no other means.
	Machine func(t *testing.T, id string) vendormodules.Usage
}

// Scripts make, of a compute class, one whose machines do something once they run, and stay running. Paths are absolute.
type Scripts struct {
	// Print lets the machine print a line on its console.
	Print func(class descriptors.Class, text string) descriptors.Class
	// Write lets it write a line to a file, and print the same line on its console once the file has it.
	Write func(class descriptors.Class, path, text string) descriptors.Class
	// Show lets it print a file on its console.
	Show func(class descriptors.Class, path string) descriptors.Class
}

// ShellScripts do with the class's own commands, for images that have a POSIX shell with cat and sleep. Machines may have
// their files below $ROOT. Texts and paths must need no quoting.
func ShellScripts() Scripts {
	run := func(class descriptors.Class, command string) descriptors.Class {
		class.Run = []string{command + `; exec sleep 86400`}
		return class
	}
	return Scripts{
		Print: func(class descriptors.Class, text string) descriptors.Class {
			return run(class, `echo `+text)
		},
		Write: func(class descriptors.Class, path, text string) descriptors.Class {
			return run(class, `echo `+text+` > "$ROOT`+path+`"; echo `+text)
		},
		Show: func(class descriptors.Class, path string) descriptors.Class {
			return run(class, `cat "$ROOT`+path+`"`)
		},
	}
}

// defaultWait is how long the suite waits where the provider does not say.
const defaultWait = 30 * time.Second

func (p Provider) wait() time.Duration {
	if p.Wait == 0 {
		return defaultWait
	}
	return p.Wait
}
