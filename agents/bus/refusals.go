package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
)

// errNotAccepted is why a genuine message is refused that its sender's role may not send.
var errNotAccepted = errors.New("role may not send that")

// refusalInterval is the least time between two events about refused messages. What comes in between is counted.
const refusalInterval = time.Second

// refusalLimit keeps a flood of bad messages from becoming a flood of events.
type refusalLimit struct {
	mutex   sync.Mutex
	last    time.Time
	skipped int
}

// allow says whether an event may be told now, and how many were not since the last.
func (l *refusalLimit) allow(now time.Time) (skipped int, allowed bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if now.Sub(l.last) < refusalInterval {
		l.skipped++
		return 0, false
	}
	skipped, l.skipped, l.last = l.skipped, 0, now
	return skipped, true
}

// refused records a message that was not taken. What its sender header says is only what it says.
func (p *Peer) refused(ctx context.Context, subject, sender string, reason error) {
	p.log.Warn("message refused", zap.String("subject", subject), zap.String("sender", sender), zap.Error(reason))
	skipped, allowed := p.refusals.allow(time.Now())
	if !allowed || p.identity.Role == proto.RoleClient {
		return
	}
	text := fmt.Sprintf("%s refused a message on %s that says it is from %q: %s", p.identity, subject, cut(sender, 60), reason)
	if skipped > 0 {
		text += fmt.Sprintf(" (and %d more before)", skipped)
	}
	if err := p.publishSoon(ctx, proto.Event{Kind: proto.EventRefused, Message: text}); err != nil {
		p.log.Debug("refusal not told", zap.Error(err))
	}
}

func cut(text string, length int) string {
	if len(text) > length {
		return text[:length] + "..."
	}
	return text
}
