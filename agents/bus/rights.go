package bus

import (
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/cloud-agency/agency/proto"
)

// The streams.
const (
	streamEvents = "EVENTS"
	streamAudit  = "AUDIT"
	streamLogs   = "LOGS"
)

// responseWindow is how long an agent may answer what it was asked, once per request.
const responseWindow = 30 * time.Second

// rights are what one agent may do on the bus; whatever is not listed is refused by the server.
type rights struct {
	publish, subscribe []string
	// respond allows one answer to each request, to whatever reply subject it names.
	respond bool
}

// rightsOf is the table of rights: a row for each role. Everyone has an inbox of its own, hears of new registers and may
// ask the broker for the newest.
func rightsOf(identity proto.Identity) rights {
	all := rights{
		publish:   []string{proto.SubjectBrokerQuery},
		subscribe: []string{inboxPrefix(identity) + ".>", proto.SubjectRegister},
	}
	switch identity.Role {
	case proto.RoleVendor:
		return all.with(vendorRights(identity.Name))
	case proto.RoleBroker:
		return all.with(serving("broker"), readingEvents(), rights{
			publish: []string{
				"vendor.*.cfp", "vendor.*.command", "vendor.*.query", "audit.>", proto.SubjectRegister,
			},
			subscribe: []string{"broker.command", "broker.query"},
		})
	case proto.RoleDeployer:
		return all.with(serving("deployer"), readingEvents(), puttingInto("*"), gettingFrom("deployer"), rights{
			publish:   []string{"vendor.*.command", "vendor.*.query", "broker.command", "broker.query"},
			subscribe: []string{"deployer.command", "deployer.query"},
		})
	case proto.RoleMonitor:
		return all.with(serving("monitor"), readingEvents(), rights{
			publish:   []string{"vendor.*.query", "deployer.query"},
			subscribe: []string{"monitor.query"},
		})
	case proto.RoleClient:
		return all.with(readingEvents(), reading(streamLogs), puttingInto("deployer"), rights{
			publish: []string{
				"broker.command", "deployer.command", "deployer.query", "monitor.query",
				// Of what a vendor takes on its command subject, it accepts credentials alone from a client.
				"vendor.*.query", "vendor.*.command",
				"$SRV.>",
			},
			subscribe: []string{"log.>"},
		})
	}
	return rights{}
}

// vendorRights let a vendor answer what it is asked, say what happened to it, and use its own bucket. It can neither
// call anybody but the broker's query subject nor hear what others are asked. Queries for who is there ($SRV) it answers
// and cannot ask, so that no vendor learns of the others.
func vendorRights(name string) rights {
	service := serviceName(proto.Vendor(name))
	return rights{
		publish: []string{"evt." + name + ".>", "log." + name + ".>"},
		subscribe: []string{
			"vendor." + name + ".> " + name, // in the queue group of its name only
			"$SRV.PING", "$SRV.INFO", "$SRV.STATS", "$SRV.*." + service, "$SRV.*." + service + ".*",
		},
		respond: true,
	}.with(puttingInto(name), gettingFrom(name))
}

// serving is what every singleton agent may: answer, be found, and say what happened.
func serving(role string) rights {
	return rights{
		publish: []string{"evt." + role + ".>", "log." + role + ".>", "$SRV.>"},
		subscribe: []string{
			"$SRV.PING", "$SRV.INFO", "$SRV.STATS", "$SRV.*." + role, "$SRV.*." + role + ".*",
		},
		respond: true,
	}
}

// readingEvents is hearing events as they come and reading them later.
func readingEvents() rights {
	return reading(streamEvents).with(rights{subscribe: []string{"evt.>"}})
}

// reading is all that a consumer of a stream needs, and nothing that changes the stream.
func reading(stream string) rights {
	return rights{publish: []string{
		"$JS.API.STREAM.INFO." + stream,
		"$JS.API.CONSUMER.CREATE." + stream + ".>",
		"$JS.API.CONSUMER.INFO." + stream + ".>",
		"$JS.API.CONSUMER.MSG.NEXT." + stream + ".>",
		"$JS.API.CONSUMER.DELETE." + stream + ".>",
		"$JS.ACK." + stream + ".>",
		"$JS.FC." + stream + ".>",
	}}
}

// puttingInto is writing objects into the bucket of one agent, or of any for "*", and seeing what they are.
func puttingInto(owner string) rights {
	stream := bucketStream(owner)
	if owner == "*" {
		stream = "*" // a wildcard covers whole tokens only; what follows keeps it to the buckets
	}
	return rights{publish: []string{
		"$O." + owner + ".C.>", "$O." + owner + ".M.>",
		"$JS.API.DIRECT.GET." + stream + ".$O." + owner + ".M.>",
	}}
}

// gettingFrom is reading and removing objects of the agent's own bucket, also by way of a consumer, which is what
// clients of the NATS object store use.
func gettingFrom(owner string) rights {
	stream := bucketStream(owner)
	return reading(stream).with(rights{publish: []string{
		"$JS.API.DIRECT.GET." + stream, "$JS.API.DIRECT.GET." + stream + ".>",
		"$JS.API.STREAM.MSG.GET." + stream,
		"$JS.API.STREAM.PURGE." + stream,
	}})
}

// with is the union of rights.
func (r rights) with(others ...rights) rights {
	for _, other := range others {
		r.publish = append(r.publish, other.publish...)
		r.subscribe = append(r.subscribe, other.subscribe...)
		r.respond = r.respond || other.respond
	}
	return r
}

// permissions puts the rights as NATS user permissions.
func (r rights) permissions() jwt.Permissions {
	permissions := jwt.Permissions{
		Pub: jwt.Permission{Allow: r.publish},
		Sub: jwt.Permission{Allow: r.subscribe},
	}
	if r.respond {
		permissions.Resp = &jwt.ResponsePermission{MaxMsgs: 1, Expires: responseWindow}
	}
	return permissions
}

// inboxPrefix is what an agent's reply subjects begin with. An underscore, which no name has, keeps clients' apart from
// those of vendors of the same name.
func inboxPrefix(identity proto.Identity) string {
	if identity.Role == proto.RoleClient {
		return "_INBOX_client_" + identity.Name
	}
	return "_INBOX_" + identity.Name
}

// serviceName is the name under which an agent is found by "nats micro ls".
func serviceName(identity proto.Identity) string {
	return strings.ReplaceAll(identity.String(), ".", "-")
}

// bucketStream is the stream behind an agent's object bucket.
func bucketStream(owner string) string { return "OBJ_" + owner }
