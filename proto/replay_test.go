package proto_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cloud-agency/agency/proto"
)

// A sender that floods shuts itself out until its messages have expired, and nobody else.
func TestAFloodShutsOutItsSenderAlone(t *testing.T) {
	guard, now := proto.NewReplayGuard(), noon
	flood := proto.Message{Sender: proto.Vendor("flood"), Expires: noon.Add(30 * time.Second)}
	var err error
	taken := 0
	for ; err == nil; taken++ {
		flood.ID = proto.FreshID()
		err = guard.Admit(flood, now)
		if taken > 1<<20 {
			t.Fatal("the guard remembers without bound")
		}
	}
	if !errors.Is(err, proto.ErrFlood) {
		t.Fatalf("got %v, want ErrFlood", err)
	}
	other := proto.Message{Sender: proto.Vendor("other"), ID: proto.FreshID(), Expires: noon.Add(30 * time.Second)}
	if err := guard.Admit(other, now); err != nil {
		t.Errorf("another sender: %v", err)
	}
	now = noon.Add(45 * time.Second)
	flood.ID, flood.Expires = proto.FreshID(), now.Add(30*time.Second)
	if err := guard.Admit(flood, now); err != nil {
		t.Errorf("after its messages expired: %v", err)
	}
}

func TestTwoSendersMayHaveTheSameID(t *testing.T) {
	guard, id := proto.NewReplayGuard(), proto.FreshID()
	for _, sender := range []string{"one", "two"} {
		message := proto.Message{Sender: proto.Vendor(sender), ID: id, Expires: noon.Add(time.Second)}
		if err := guard.Admit(message, noon); err != nil {
			t.Errorf("%s: %v", sender, err)
		}
		if err := guard.Admit(message, noon); !errors.Is(err, proto.ErrReplayed) {
			t.Errorf("%s again: got %v, want ErrReplayed", sender, err)
		}
	}
}
