package deployer_test

import (
	"fmt"
	"slices"
	"testing"
)

// secured has a machine of every way to be reached.
const secured = `
name: secured
resources:
  web:
    type: cluster
    image: shell
    ports: [ 443, 80 ]
    networks: [ back ]
    keys: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAQVeE1H4NkNOtd0s4HYDSDmm6DEFrwRX7t1dhgQk7PJ deploy
  db:    { type: compute, image: shell, allow: { 5432: [ web, lone ] } }
  lone:  { type: compute, image: shell }
  front: { type: load-balancer, targets: web, listen: 80, target-port: 8080 }
  lan:   { type: network, private: true, members: [ web, front ] }
  back:
    type: network
    private: true
    members: [ db ]
    range: 10.20.0.0/24
    rules:
      - { ports: 9000..9010, to: db }
      - { protocol: udp, from: any, to: web }
      - { protocol: icmp, from: 10.0.0.0/8 }
      - { ports: 5432, from: web }
`

// TestMachinesAreToldWhoMayReachThem: what the cloud is asked for holds the ports, those allowed to others, the balancer's
// port and what each network lets through, once each and in one order.
func TestMachinesAreToldWhoMayReachThem(t *testing.T) {
	h := newHouse(t, "athens")
	h.deploy(h.agree(secured, "")).fine()
	athens := h.vendors["athens"]
	for machine, want := range map[string][]string{
		"web-1": {
			" 0-0 front", " 0-0 web", "icmp 0-0 10.0.0.0/8", "tcp 80-80 0.0.0.0/0", "tcp 443-443 0.0.0.0/0",
			"tcp 5432-5432 web", "tcp 8080-8080 front", "udp 0-0 0.0.0.0/0",
		},
		"db-1": {
			"icmp 0-0 10.0.0.0/8", "tcp 5432-5432 lone", "tcp 5432-5432 web", "tcp 9000-9010 db", "tcp 9000-9010 web",
		},
		"lone-1": nil, "front": nil, "back": nil,
	} {
		request, err := athens.account.Requested(athens.resource(t, machine).ID)
		must(t, err)
		var got []string
		for _, rule := range request.Rules {
			who := rule.Class
			if rule.From.IsValid() {
				who += rule.From.String()
			}
			got = append(got, fmt.Sprintf("%s %d-%d %s", rule.Protocol, rule.First, rule.Last, who))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has the rules\n%q\nand should have\n%q", machine, got, want)
		}
		if keys := request.Class.Keys; (len(keys) == 1) != (machine == "web-1") {
			t.Errorf("%s has the keys %q", machine, keys)
		}
	}
}
