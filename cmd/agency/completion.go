package main

import "fmt"

type completionVerb struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help implements kong.HelpProvider.
func (completionVerb) Help() string {
	return example(
		`source <(agency completion bash)                                    for this shell`,
		`agency completion bash > ~/.local/share/bash-completion/completions/agency`,
		`agency completion zsh > "${fpath[1]}/_agency"`,
		`agency completion fish > ~/.config/fish/completions/agency.fish`) +
		"\n\nThe script asks the program itself what may come next, so that it never tells of other verbs than there are. Names " +
		"of deployments, what is in them, copies, vendors and agents are those of the running agency."
}

// Run prints the script.
func (v completionVerb) Run(s *session) error {
	scripts := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
	_, err := fmt.Fprint(s.out, scripts[v.Shell])
	return err
}

// The scripts hand the words before the cursor to "agency complete" and offer what it prints; where it prints nothing,
// they offer files.
const (
	bashCompletion = `# bash completion of agency
_agency() {
    local IFS=$'\n'
    local words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=($(agency complete -- "${words[@]}" 2>/dev/null))
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o bashdefault -o default -F _agency agency
`
	zshCompletion = `#compdef agency
# zsh completion of agency
_agency() {
    local -a found
    found=("${(@f)$(agency complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    found=("${(@)found:#}")
    if (( ${#found} )); then
        compadd -- "${found[@]}"
    else
        _files
    fi
}
if [[ $funcstack[1] == _agency ]]; then
    _agency "$@"
else
    compdef _agency agency
fi
`
	fishCompletion = `# fish completion of agency
function __agency_complete
    set -l words (commandline -opc) (commandline -ct)
    agency complete -- $words[2..-1] 2>/dev/null
end
complete -c agency -a '(__agency_complete)'
`
)
