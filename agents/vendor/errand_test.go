package vendor_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloud-agency/agency/agents/bus"
	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// obeying is a module whose machines do as told, and count how often.
type obeying struct {
	vendormodules.Module
	mutex sync.Mutex
	runs  int
	input string
	begun chan struct{}
}

func (o *obeying) Execute(ctx context.Context, _ string, command vendormodules.Command, stdout, _ io.Writer) (int, error) {
	o.mutex.Lock()
	o.runs++
	o.mutex.Unlock()
	switch command.Arguments[0] {
	case "wait":
		close(o.begun)
		<-ctx.Done()
		return 0, ctx.Err()
	case "read":
		text, err := io.ReadAll(command.Input)
		o.mutex.Lock()
		o.input = string(text)
		o.mutex.Unlock()
		return 0, err
	}
	_, err := fmt.Fprint(stdout, strings.Repeat("0123456789abcdef", 40_000))
	return 3, err
}

func (o *obeying) count() int {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.runs
}

func newObeying(t *testing.T) (*house, *obeying, sla.Agreement) {
	t.Helper()
	var module *obeying
	h := newHouse(t, func(h *house) {
		module = &obeying{Module: h.cloud, begun: make(chan struct{})}
		h.module = module
	})
	agreement, _, _ := h.create()
	return h, module, agreement
}

func errandFor(agreement sla.Agreement, arguments ...string) order {
	made := orderFor(agreement, proto.VerbExecute, "web", 0)
	made.Errand = &proto.Errand{Arguments: arguments}
	return made
}

func TestAnErrandIsDoneOnce(t *testing.T) {
	h, module, agreement := newObeying(t)
	made := errandFor(agreement, "print")
	for range 3 {
		outcome := content[proto.Outcome](t, h.do(made))
		stdout := outcome.Errand.Streams[proto.StreamStdout]
		if outcome.Errand.Exit != 3 || stdout.Size != 640_000 || len(stdout.Text) != proto.MaxPage {
			t.Fatalf("it ended with %d and %d bytes, of which %d are told", outcome.Errand.Exit, stdout.Size, len(stdout.Text))
		}
	}
	if runs := module.count(); runs != 1 {
		t.Errorf("it ran %d times", runs)
	}
	page := content[proto.ConsolePage](t, h.ask(h.client, proto.SubjectQuery(vendorName), message(t, proto.QueryRef, "",
		proto.Question{Topic: proto.TopicOutput, Subject: made.id, Stream: proto.StreamStdout, Offset: 600_000})))
	if len(page.Text) != 40_000 || page.More || page.End != 640_000 {
		t.Errorf("the last page has %d bytes and ends at %d", len(page.Text), page.End)
	}
	other := made
	other.Verb = proto.VerbReadFiles
	refused(t, h.do(other), proto.Refuse, sla.RefusedConflict)

	h.stop()
	h.start()
	refused(t, h.do(made), proto.Failure, sla.RefusedConflict)
	if runs := module.count(); runs != 1 {
		t.Errorf("after a restart it ran %d times", runs)
	}
}

func TestAnErrandThatARestartCutsOffIsNotBegunAgain(t *testing.T) {
	h, module, agreement := newObeying(t)
	made := errandFor(agreement, "wait")
	answered := make(chan proto.Message, 1)
	go func() { answered <- h.tell(made) }()
	<-module.begun
	if answer := <-answered; answer.Performative != proto.Agree {
		t.Errorf("it is answered %s", answer.Performative)
	}
	h.stop()
	h.start()
	refused(t, h.do(made), proto.Failure, sla.RefusedConflict)
	if runs := module.count(); runs != 1 {
		t.Errorf("it ran %d times", runs)
	}
}

func TestAnErrandsUploadIsComparedAndDeleted(t *testing.T) {
	h, module, agreement := newObeying(t)
	text := strings.Repeat("a line\n", 100_000)
	for name, digest := range map[string][32]byte{"right": sha256.Sum256([]byte(text)), "wrong": sha256.Sum256([]byte("other"))} {
		_, _, err := h.deployer.PutObject(t.Context(), vendorName, name, strings.NewReader(text))
		must(t, err)
		made := errandFor(agreement, "read")
		made.Upload, made.Errand.Digest = name, hex.EncodeToString(digest[:])
		if name == "wrong" {
			refused(t, h.do(made), proto.Failure, sla.RefusedBadRequest)
		} else if content[proto.Outcome](t, h.do(made)); module.input != text {
			t.Errorf("it read %d bytes of %d", len(module.input), len(text))
		}
		if left, err := h.vendorPeer().GetObject(t.Context(), vendorName, name); err == nil {
			t.Errorf("%s is still in the object store", name)
			must(t, left.Close())
		}
	}
	if runs := module.count(); runs != 1 {
		t.Errorf("it ran %d times", runs)
	}
	left, err := filepath.Glob(filepath.Join(h.directory, "work", "upload-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// vendorPeer is another connection of the vendor's.
func (h *house) vendorPeer() *bus.Peer {
	h.t.Helper()
	peer := h.connect(h.credentials)
	h.t.Cleanup(func() { must(h.t, peer.Close()) })
	return peer
}

func TestWhatAnErrandLeftIsForgottenInTime(t *testing.T) {
	h := newHouse(t, func(h *house) {
		h.module = &obeying{Module: h.cloud}
		h.options.SweepEvery = 20 * time.Millisecond
	})
	agreement, _, _ := h.create()
	made := errandFor(agreement, "print")
	content[proto.Outcome](t, h.do(made))
	h.later(11 * time.Minute)
	h.eventually("the output is removed", func() error {
		left, err := filepath.Glob(filepath.Join(h.directory, "work", "errand-*"))
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("there is %v", left)
		}
		return err
	})
	refused(t, h.do(made), proto.Failure, sla.RefusedConflict)
}

func TestErrandsThatAreNotBegun(t *testing.T) {
	h, _, agreement := newObeying(t)
	files := errandFor(agreement)
	files.Verb = proto.VerbReadFiles
	refused(t, h.do(files), proto.Refuse, sla.RefusedUnsupported)
	nothing := errandFor(agreement, "print")
	nothing.Errand = nil
	refused(t, h.do(nothing), proto.Refuse, sla.RefusedBadRequest)
	stranger := errandFor(agreement, "print")
	stranger.Agreement = "01KAKWF7M3T5K2R9Q0B6N8YXCV"
	refused(t, h.do(stranger), proto.Refuse, sla.RefusedPermission)
	unknown := errandFor(agreement, "print")
	unknown.Resource.Index = 9
	refused(t, h.do(unknown), proto.Refuse, sla.RefusedNotFound)
}
