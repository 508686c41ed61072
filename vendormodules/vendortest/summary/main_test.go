package main

import (
	"strings"
	"testing"
)

const passing = `{"Action":"run","Package":"x/vendormodules/shelf","Test":"TestConformance"}
{"Action":"output","Package":"x/vendormodules/shelf","Test":"TestConformance","Output":"    suite.go:20: tested against a shelf 1.0\n"}
{"Action":"pass","Package":"x/vendormodules/shelf","Test":"TestConformance/list","Elapsed":0.5}
{"Action":"pass","Package":"x/vendormodules/shelf","Test":"TestConformance/delete","Elapsed":0.5}
{"Action":"output","Package":"x/vendormodules/shelf","Test":"TestConformance","Output":"--- PASS: TestConformance (1.25s)\n"}
{"Action":"pass","Package":"x/vendormodules/shelf","Test":"TestConformance","Elapsed":1.25}
`

func TestSummary(t *testing.T) {
	for name, trial := range map[string]struct {
		input string
		ok    bool
		shows string
	}{
		"all pass":          {passing, true, "a shelf 1.0"},
		"time and count":    {passing, true, "2 |      0 | 1.3s"},
		"nothing ran":       {"", false, ""},
		"one fails":         {passing + `{"Action":"fail","Package":"x/vendormodules/shelf","Test":"TestConformance/replay"}`, false, "2 |      1 "},
		"does not compile":  {passing + "shelf.go:3: undefined: x\n", false, "undefined: x"},
		"the verdict shows": {passing, true, "--- PASS: TestConformance (1.25s)"},
	} {
		var output strings.Builder
		ok, err := summarize(strings.NewReader(trial.input), &output)
		if err != nil || ok != trial.ok || !strings.Contains(output.String(), trial.shows) {
			t.Errorf("%s: %v, %v\n%s", name, ok, err, output.String())
		}
	}
}
