package proto_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cloud-agency/agency/proto"
)

func placeOf(call proto.CallSummary) string { return call.Call }

// callsOn answers with the page of the calls that are there.
func callsOn(page *proto.Page, calls []proto.CallSummary) (list proto.CallList, err error) {
	list.Calls, list.Next, err = proto.Fill(page, placeOf, proto.Rest(page, placeOf, calls))
	return list, err
}

// Whatever is there from the first page to the last is listed once, whatever comes and goes between the pages.
func TestPagesAreStableUnderChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}`), 0, 40, rapid.ID[string]).Draw(t, "names")
		there := map[string]proto.CallSummary{}
		for _, name := range names {
			there[name] = proto.CallSummary{Call: name}
		}
		throughout := maps.Clone(there)
		bytes := rapid.IntRange(1, 500).Draw(t, "bytes")
		listed := map[string]int{}
		ask := func(question proto.Question) (proto.CallList, error) {
			question.Page.Bytes = bytes
			list, err := callsOn(question.Page, slices.Collect(maps.Values(there)))
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				name := rapid.StringMatching(`[a-z]{1,3}`).Draw(t, "name")
				if _, found := there[name]; found {
					delete(there, name)
					delete(throughout, name)
				} else {
					there[name] = proto.CallSummary{Call: name}
				}
			}
			return list, err
		}
		for call, err := range proto.Items(proto.Question{Topic: proto.TopicCalls}, ask) {
			if err != nil {
				t.Fatal(err)
			}
			if listed[call.Call]++; listed[call.Call] > 1 {
				t.Fatalf("%s is listed twice", call.Call)
			}
		}
		for name := range throughout {
			if listed[name] != 1 {
				t.Fatalf("%s was there throughout and is not listed", name)
			}
		}
	})
}

func TestAPageIsBoundedByBytes(t *testing.T) {
	calls := make([]proto.CallSummary, 3000)
	for i := range calls {
		calls[i] = proto.CallSummary{Call: fmt.Sprintf("%06d", i), Name: strings.Repeat("x", 1000)}
	}
	calls[7].Name = strings.Repeat("x", proto.MaxPage+1)
	pages := 0
	all, err := proto.Collect(proto.Items(proto.Question{}, func(question proto.Question) (proto.CallList, error) {
		pages++
		list, err := callsOn(question.Page, calls)
		answer := proto.Answer(proto.Message{Performative: proto.QueryRef}, proto.Inform, list)
		if answer.Performative != proto.Inform {
			t.Fatalf("page %d: %s", pages, answer.Body)
		}
		if len(answer.Body) > proto.MaxPage+100 && (len(list.Calls) != 1 || list.Calls[0].Call != calls[7].Call) {
			t.Errorf("page %d has %d bytes and %d calls", pages, len(answer.Body), len(list.Calls))
		}
		return list, err
	}))
	if err != nil || !slices.EqualFunc(all, calls, func(x, y proto.CallSummary) bool { return x.Call == y.Call }) {
		t.Errorf("%d of %d calls came: %v", len(all), len(calls), err)
	}
	if pages < 12 || pages > 20 {
		t.Errorf("3 MB came in %d pages", pages)
	}
}

func TestWithoutAPageAllIsListed(t *testing.T) {
	calls := []proto.CallSummary{{Call: "b"}, {Call: "a"}, {Call: "c"}}
	list, err := callsOn(nil, calls)
	if err != nil || len(list.Calls) != 3 || list.Calls[0].Call != "a" || list.Next != "" {
		t.Errorf("%+v, %v", list, err)
	}
}

// An agent that knows nothing of pages says everything at once.
func TestAListWithoutPagesIsOnePage(t *testing.T) {
	var message proto.Message
	message.ContentType = proto.ContentType("call-list", 1)
	message.Body = []byte(`{"calls":[{"call":"b","name":"","state":"open","opened":"2026-11-21T12:00:00Z","proposals":0}]}`)
	asked := 0
	all, err := proto.Collect(proto.Items(proto.Question{}, func(proto.Question) (proto.CallList, error) {
		asked++
		return proto.Decode[proto.CallList](message)
	}))
	if err != nil || len(all) != 1 || asked != 1 {
		t.Errorf("asked %d times for %v: %v", asked, all, err)
	}
}

func TestAListIsWholeOrAnError(t *testing.T) {
	broken := errors.New("broken")
	for name, second := range map[string]func() (proto.CallList, error){
		"a page that cannot be had": func() (proto.CallList, error) { return proto.CallList{}, broken },
		"pages that go in circles":  func() (proto.CallList, error) { return proto.CallList{Next: "a"}, nil },
	} {
		all, err := proto.Collect(proto.Items(proto.Question{}, func(question proto.Question) (proto.CallList, error) {
			if question.Page.After == "" {
				return proto.CallList{Calls: []proto.CallSummary{{Call: "a"}}, Next: "a"}, nil
			}
			return second()
		}))
		if all != nil || !errors.Is(err, broken) && !errors.Is(err, proto.ErrContent) {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
}
