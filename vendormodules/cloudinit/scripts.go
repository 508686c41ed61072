package cloudinit

import "embed"

//go:embed scripts
var scripts embed.FS

// script is one of the files that are the same in every machine.
func script(name string) []byte {
	content, err := scripts.ReadFile("scripts/" + name)
	if err != nil {
		panic(err) // it is built in
	}
	return content
}
