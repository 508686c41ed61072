package cloudinit

import (
	"bytes"
	"fmt"
	"maps"
	"mime"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"

	mimemultipart "mime/multipart"

	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/vendormodules"
)

// form is how a class's own user data goes into a message of several parts.
type form struct {
	contentType string
	// body is what of the user data is the part's.
	body string
}

// forms are the beginnings that cloud-init knows user data by.
func forms() map[string]string {
	return map[string]string{
		"#!": "text/x-shellscript", "#cloud-boothook": "text/cloud-boothook", "#include": "text/x-include-url",
		"#include-once": "text/x-include-once-url", "## template: jinja": "text/jinja2", "#part-handler": "text/part-handler",
		"#cloud-config-archive": "text/cloud-config-archive", "#cloud-config-jsonp": "text/cloud-config-jsonp",
	}
}

// formOf says how a class's user data is handed over; nil for cloud-config, which is merged, and for nothing.
func formOf(own string) (*form, error) {
	if strings.TrimSpace(own) == "" {
		return nil, nil
	}
	first, _, _ := strings.Cut(own, "\n")
	first = strings.TrimRight(first, "\r ")
	if first == strings.TrimSpace(configHeader) {
		return nil, nil
	}
	beginnings := slices.SortedFunc(maps.Keys(forms()), func(a, b string) int { return len(b) - len(a) })
	for _, beginning := range beginnings {
		if strings.HasPrefix(first, beginning) {
			return &form{forms()[beginning], own}, nil
		}
	}
	if message, err := mail.ReadMessage(strings.NewReader(own)); err == nil {
		contentType := message.Header.Get("Content-Type")
		if kind, _, err := mime.ParseMediaType(contentType); err == nil && strings.HasPrefix(kind, "multipart/") {
			_, body, _ := strings.Cut(strings.ReplaceAll(own, "\r\n", "\n"), "\n\n")
			return &form{contentType, body}, nil
		}
	}
	return nil, fmt.Errorf("user data that begins %q is nothing that cloud-init knows; begin it with #cloud-config or #!: %w",
		first[:min(len(first), 40)], vendormodules.ErrInvalid)
}

func parseConfig(own string) (map[string]any, error) {
	var config map[string]any
	if err := yaml.Unmarshal([]byte(own), &config); err != nil {
		return nil, fmt.Errorf("the class's user data: %w: %w", err, vendormodules.ErrInvalid)
	}
	return config, nil
}

// merge puts a class's own cloud-config into the agency's. What both say is the class's where it is one value, and both
// where it is a list: the class's goes first, so that its commands have run before those of the agency begin.
func merge(config, own map[string]any) {
	for key, value := range own {
		switch ours := config[key].(type) {
		case map[string]any:
			if theirs, both := value.(map[string]any); both {
				merge(ours, theirs)
				continue
			}
		case []any:
			if theirs, both := value.([]any); both {
				config[key] = slices.Concat(theirs, ours)
				continue
			}
		}
		config[key] = value
	}
}

// multipart puts the agency's cloud-config and a class's own user data side by side. A class's script has run before the
// agency's commands begin, for cloud-init runs scripts by name: part-001 before runcmd.
func multipart(config []byte, own form) ([]byte, error) {
	var body bytes.Buffer
	writer := mimemultipart.NewWriter(&body)
	if err := writer.SetBoundary(boundary(config, own.body)); err != nil {
		return nil, fmt.Errorf("user data: %w", err)
	}
	for _, one := range []form{{"text/cloud-config; charset=\"utf-8\"", string(config)}, own} {
		part, err := writer.CreatePart(textproto.MIMEHeader{"Content-Type": {one.contentType}})
		if err == nil {
			_, err = part.Write([]byte(one.body))
		}
		if err != nil {
			return nil, fmt.Errorf("user data: %w", err)
		}
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("user data: %w", err)
	}
	header := fmt.Sprintf("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=%q\r\n\r\n", writer.Boundary())
	return append([]byte(header), body.Bytes()...), nil
}

// boundary is one that neither part contains, the same for the same parts.
func boundary(config []byte, own string) string {
	for number := 0; ; number++ {
		candidate := fmt.Sprintf("agency-%d", number)
		if !strings.Contains(own, candidate) && !bytes.Contains(config, []byte(candidate)) {
			return candidate
		}
	}
}
