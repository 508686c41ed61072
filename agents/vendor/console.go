package vendor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
	"github.com/cloud-agency/agency/vendormodules"
)

// maxConsole is the most that is read of a console, in bytes: its end.
const maxConsole = 8 << 20

// console answers with what a machine has printed from an offset on.
func (a *Agent) console(ctx context.Context, message proto.Message, question proto.Question) proto.Message {
	if question.Resource == nil || question.Offset < 0 || len(question.Seen) > proto.MaxSeen {
		return proto.Misunderstood(message, fmt.Errorf("a console's question names a machine, an offset from 0, and at most %d bytes seen",
			proto.MaxSeen))
	}
	printed, err := a.printed(ctx, *question.Resource)
	if err != nil {
		return proto.Refusing(message, proto.Refuse, *refusalOf(err))
	}
	return proto.Answer(message, proto.Inform, page(printed, question.Offset, question.Seen))
}

// printed is what the cloud still has of a machine's console.
func (a *Agent) printed(ctx context.Context, ref proto.ResourceRef) (printed []byte, err error) {
	if a.abilities.Console == nil {
		return nil, a.unable("show what a machine prints")
	}
	record := a.resource(ref)
	if record == nil || record.Status.ID == "" || record.Status.State == vendormodules.ResourceGone {
		return nil, sla.Refusal{Code: sla.RefusedNotFound, Message: fmt.Sprintf("%s has no %s %d", a.name, ref.Class, ref.Index)}
	}
	reader, err := a.abilities.Console.Console(ctx, record.Status.ID)
	if err != nil {
		return nil, fmt.Errorf("console of %s: %w", record.Status.Name, err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	return lastOf(reader, maxConsole)
}

// lastOf reads to the end and keeps the last bytes, between limit and twice as many once there were that many.
func lastOf(reader io.Reader, limit int) ([]byte, error) {
	var kept []byte
	for {
		part, err := io.ReadAll(io.LimitReader(reader, int64(limit)))
		kept = append(kept[max(0, len(kept)-limit):], part...)
		if err != nil || len(part) < limit {
			return kept, err
		}
	}
}

// page is the part of a console from an offset on. Clouds drop the beginning of a console that grows long; by what was
// seen last the place is found again.
func page(printed []byte, offset int64, seen []byte) proto.ConsolePage {
	begin, gap := int(min(offset, int64(len(printed)))), false
	if int64(begin) != offset || !bytes.HasSuffix(printed[:begin], seen) {
		begin = bytes.LastIndex(printed, seen)
		if gap = begin < 0 || len(seen) == 0; gap {
			begin = 0
		} else {
			begin += len(seen)
		}
	}
	end := min(len(printed), begin+proto.MaxPage)
	return proto.ConsolePage{Text: printed[begin:end], End: int64(end), More: end < len(printed), Gap: gap}
}
