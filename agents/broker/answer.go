package broker

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

// answer makes a reply with a content. A content that cannot be encoded is a fault of the broker and said so.
func answer[C proto.Content](message proto.Message, performative proto.Performative, content C) proto.Message {
	reply := message.Reply(performative)
	if err := proto.Encode(&reply, content); err != nil {
		return proto.ReplyRefusal(message, proto.Failure, sla.Refusal{Code: sla.RefusedInternal, Message: err.Error()})
	}
	return reply
}

func notUnderstood(message proto.Message, err error) proto.Message {
	return proto.ReplyRefusal(message, proto.NotUnderstood, sla.Refusal{Code: sla.RefusedBadRequest, Message: err.Error()})
}

func refusalf(code sla.RefusalCode, hint, format string, arguments ...any) sla.Refusal {
	return sla.Refusal{Code: code, Message: fmt.Sprintf(format, arguments...), Hint: hint}
}

// refuse answers with the refusal that err is. For any other error the asker gets no end and asks again, which finds
// out what became of the command: whether the broker's records were changed is not known.
func (a *Agent) refuse(message proto.Message, err error) proto.Message {
	var refusal sla.Refusal
	if errors.As(err, &refusal) {
		return proto.ReplyRefusal(message, proto.Refuse, refusal)
	}
	a.Log.Error("command left undecided", zap.String("performative", string(message.Performative)),
		zap.String("sender", message.Sender.String()), zap.Error(err))
	return message.Reply(proto.Agree)
}
