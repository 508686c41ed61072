package catalogue

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Architecture is what descriptors call a processor's architecture, of which clouds write many forms; a name that is
// not known stays.
func Architecture(name string) string {
	switch lower := strings.ToLower(strings.TrimSpace(name)); lower {
	case "amd64", "x86_64", "x86-64", "x64":
		return "x86_64"
	case "arm64", "aarch64", "arm64v8":
		return "arm64"
	default:
		return lower
	}
}

// identity is what an image's name says: of which system it is, in which version.
type identity struct {
	// words that tell one system from another, sorted.
	words []string
	// version in its parts; empty if none is said.
	version []int
	// date of the build, digits.
	date string
}

var (
	separators    = regexp.MustCompile(`[^a-z0-9.]+`)
	architectures = regexp.MustCompile(`\b(amd64|x86[_-]64|x64|arm64(v8)?|aarch64)\b`)
	glued         = regexp.MustCompile(`^([a-z]+)([0-9][0-9.]*)$`)
	number        = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*$`)
)

// neutral words are in the names of plain images and tell nothing of what runs in them.
var neutral = words(`linux gnu cloud generic genericcloud cloudimg cloudinit server base minimal image images img disk os
	official default lts release released latest stable daily current ami hvm ssd gp2 gp3 ebs pv uefi bios efi kvm qemu qcow2 raw vmdk ova
	template kernel full english standard edition version v x86 64bit bit final ga uki boot pro core`)

// synonyms are other words for the same system.
var synonyms = map[string]string{
	"al": "amazon", "amzn": "amazon", "rhel": "redhat", "sles": "suse", "centos-stream": "centos", "win": "windows",
}

// codenames of releases, with the versions that they stand for.
var codenames = map[string]struct {
	system  string
	version []int
}{
	"buster": {"debian", []int{10}}, "bullseye": {"debian", []int{11}}, "bookworm": {"debian", []int{12}},
	"trixie": {"debian", []int{13}}, "forky": {"debian", []int{14}},
	"bionic": {"ubuntu", []int{18, 4}}, "focal": {"ubuntu", []int{20, 4}}, "jammy": {"ubuntu", []int{22, 4}},
	"noble": {"ubuntu", []int{24, 4}},
}

func words(text string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		set[word] = true
	}
	return set
}

// identify reads an image's name. Dates and the numbers behind the version are of the build and not of the system.
func identify(name string) identity {
	var read identity
	lower := architectures.ReplaceAllString(strings.ReplaceAll(strings.ToLower(name), "red hat enterprise", "redhat"), " ")
	for token := range strings.SplitSeq(separators.ReplaceAllString(lower, " "), " ") {
		token = strings.Trim(token, ".")
		if token == "" || neutral[token] {
			continue
		}
		if parts := glued.FindStringSubmatch(token); parts != nil {
			read.word(parts[1])
			token = strings.Trim(parts[2], ".")
		}
		switch {
		case !number.MatchString(token):
			read.word(token)
		case len(strings.SplitN(token, ".", 2)[0]) >= len("20250101"):
			read.date = max(read.date, token)
		case len(read.version) == 0 && len(read.words) > 0:
			read.version = parts(token)
		}
	}
	slices.Sort(read.words)
	read.words = slices.Compact(read.words)
	return read
}

// word takes a word of the name in: a codename says a system and a version.
func (i *identity) word(word string) {
	if neutral[word] {
		return
	}
	if release, found := codenames[word]; found {
		i.words = append(i.words, release.system)
		if len(i.version) == 0 {
			i.version = release.version
		}
		return
	}
	if other, found := synonyms[word]; found {
		word = other
	}
	i.words = append(i.words, word)
}

func parts(version string) []int {
	var numbers []int
	for part := range strings.SplitSeq(version, ".") {
		value, err := strconv.Atoi(part)
		if err != nil {
			break // longer than any version
		}
		numbers = append(numbers, value)
	}
	return numbers
}

// means says whether an image of that identity is meant by this one: the same system and no other word, in a version that
// begins alike.
func (i identity) means(image identity) bool {
	return len(i.words) > 0 && slices.Equal(i.words, image.words) && len(i.version) <= len(image.version) &&
		slices.Equal(i.version, image.version[:len(i.version)])
}

// shared is how many words two identities have in common, and one more for the version.
func (i identity) shared(other identity) int {
	count := 0
	for _, word := range i.words {
		if slices.Contains(other.words, word) {
			count++
		}
	}
	if count > 0 && i.major() == other.major() {
		count++
	}
	return count
}

func (i identity) major() int {
	if len(i.version) == 0 {
		return -1
	}
	return i.version[0]
}
