package broker

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

func refusalf(code sla.RefusalCode, hint, format string, arguments ...any) sla.Refusal {
	return sla.Refusal{Code: code, Message: fmt.Sprintf(format, arguments...), Hint: hint}
}

// refuse answers with the refusal that err is. For any other error the asker gets no end and asks again, which finds
// out what became of the command: whether the broker's records were changed is not known.
func (a *Agent) refuse(message proto.Message, err error) proto.Message {
	var refusal sla.Refusal
	if errors.As(err, &refusal) {
		return proto.Refusing(message, proto.Refuse, refusal)
	}
	a.Log.Error("command left undecided", zap.String("performative", string(message.Performative)),
		zap.String("sender", message.Sender.String()), zap.Error(err))
	return message.Reply(proto.Agree)
}
