package ptc

import (
	"github.com/cloud-agency/agency/vendormodules/ptc/images"
	"github.com/cloud-agency/agency/vendormodules/ptc/keeper"
)

// Keeper is the process behind the program's verb "keeper", with the arguments that follow it. It answers the program's
// exit code. The program must reach it before it has started anything of its own.
func Keeper(arguments []string) int { return keeper.Main(keeper.ThisHost(), arguments) }

// Image is the process behind the program's verb "image", which runs the commands of the built-in images. It answers the
// program's exit code.
func Image(arguments []string) int { return images.Main(arguments) }
