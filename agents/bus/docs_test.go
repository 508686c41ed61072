package bus_test

import (
	"os"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
)

// The document for those who write vendor agents lists the rights that a vendor has, and no others.
func TestDocumentListsAVendorsRights(t *testing.T) {
	document, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	a := startAgency(t)
	claims, err := jwt.DecodeUserClaims(a.enrol(t, "vendor.quux").JWT)
	if err != nil {
		t.Fatal(err)
	}
	for mark, rights := range map[string][]string{"publish": claims.Pub.Allow, "subscribe": claims.Sub.Allow} {
		want := strings.ReplaceAll(strings.Join(rights, "\n"), "quux", "<v>") + "\n"
		_, rest, found := strings.Cut(string(document), "<!-- rights "+mark+" -->\n```text\n")
		got, _, _ := strings.Cut(rest, "```")
		if !found || got != want {
			t.Errorf("docs/protocol.md lists as rights to %s\n%s\nand they are\n%s", mark, got, want)
		}
	}
}
