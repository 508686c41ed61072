package services_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// keyPattern is the rule of keys in other words.
var keyPattern = regexp.MustCompile(`\A[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\z`)

func FuzzCheckKey(f *testing.F) {
	for _, key := range []string{"", ".", "a", "a.b", "a..b", ".a", "a.", "a b", "a\n", "ä", "a*", "a.>", "A-_9.z", "a\x00",
		strings.Repeat("a", 512), strings.Repeat("a", 513)} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		wanted := len(key) <= 512 && keyPattern.MatchString(key)
		if err := services.CheckKey(key); (err == nil) != wanted {
			t.Errorf("key %q: %v", key, err)
		}
		if err := services.CheckPrefix(key + "."); (err == nil) != wanted {
			t.Errorf("prefix %q: %v", key+".", err)
		}
		if err := services.CheckChanges([]services.Change{{Key: key}}); (err == nil) != wanted {
			t.Errorf("change of %q: %v", key, err)
		}
	})
}

func TestPrefixIsEmptyOrEndsWithADot(t *testing.T) {
	for prefix, fine := range map[string]bool{"": true, "a.": true, "a.b.": true, "a": false, ".": false, "a..": false, "a.b": false} {
		if err := services.CheckPrefix(prefix); (err == nil) != fine {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}
