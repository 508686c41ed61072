package vendor_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// talking is a module whose machines have printed something.
type talking struct {
	vendormodules.Module
	mutex   sync.Mutex
	printed string
}

func (s *talking) Console(context.Context, string) (io.ReadCloser, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return io.NopCloser(strings.NewReader(s.printed)), nil
}

func (s *talking) shows(text string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.printed = text
}

func (h *house) console(asked proto.Question) proto.Message {
	h.t.Helper()
	asked.Topic = proto.TopicConsole
	return h.ask(h.client, proto.SubjectQuery(vendorName), message(h.t, proto.QueryRef, "", asked))
}

func TestAConsoleIsReadPageByPage(t *testing.T) {
	var machine *talking
	h := newHouse(t, func(h *house) {
		machine = &talking{Module: h.cloud}
		h.module = machine
	})
	_, made, _ := h.create()
	var text strings.Builder
	for line := range 60_000 {
		fmt.Fprintf(&text, "line %d\n", line)
	}
	machine.shows(text.String())
	asked, read := proto.Question{Resource: &made.Resource}, ""
	next := func() proto.ConsolePage {
		t.Helper()
		page := content[proto.ConsolePage](t, h.console(asked))
		read += string(page.Text)
		asked.Offset, asked.Seen = page.End, []byte(read[max(0, len(read)-proto.MaxSeen):])
		return page
	}
	for next().More {
	}
	if read != text.String() {
		t.Fatalf("%d bytes were read of %d", len(read), text.Len())
	}
	if page := next(); len(page.Text) != 0 || page.Gap {
		t.Errorf("at the end there is %+v", page)
	}
	machine.shows(text.String()[300_000:] + "and more\n")
	if page := next(); string(page.Text) != "and more\n" || page.Gap {
		t.Errorf("after the beginning was dropped there is %+v", page)
	}
	machine.shows("begun anew\n")
	if page := next(); string(page.Text) != "begun anew\n" || !page.Gap {
		t.Errorf("after everything was dropped there is %+v", page)
	}
	unknown := made.Resource
	unknown.Index = 7
	refused(t, h.console(proto.Question{Resource: &unknown}), proto.Refuse, sla.RefusedNotFound)
	refused(t, h.console(proto.Question{}), proto.NotUnderstood, sla.RefusedBadRequest)
	refused(t, h.console(proto.Question{Resource: &unknown, Offset: -1}), proto.NotUnderstood, sla.RefusedBadRequest)
}

func TestAConsoleThatTheCloudDoesNotShow(t *testing.T) {
	h := newHouse(t, func(h *house) { h.module = bare{h.cloud} })
	_, made, _ := h.create()
	refused(t, h.console(proto.Question{Resource: &made.Resource}), proto.Refuse, sla.RefusedUnsupported)
}
