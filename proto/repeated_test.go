package proto_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cloud-agency/agency/proto"
)

func TestANameThatStandsTwiceIsRefusedHoweverManyThereAre(t *testing.T) {
	for _, count := range []int{1, 2, 23, 24, 25, 26, 200} {
		names := make([]string, count)
		for i := range names {
			names[i] = fmt.Sprintf(`"name-%d":{"a":[{"b":1},{"b":2}],"c":"a,\"b"}`, i)
		}
		object := func(names ...string) proto.Message {
			return proto.Message{
				ContentType: proto.ContentType("question", 1), Body: []byte("{" + strings.Join(names, ",") + "}"),
			}
		}
		if _, err := proto.Decode[proto.Question](object(names...)); err != nil {
			t.Errorf("%d names: %v", count, err)
		}
		for _, again := range []string{`"name-0":1`, `"n\u0061me-0":1`, fmt.Sprintf(`"name-%d":1`, count-1)} {
			_, err := proto.Decode[proto.Question](object(append(names, again)...))
			if !errors.Is(err, proto.ErrContent) || !strings.Contains(err.Error(), "twice") {
				t.Errorf("%d names and %s: %v", count, again, err)
			}
		}
	}
}
