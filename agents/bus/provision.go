package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cloud-agency/agency/proto"
)

// Bounds of the streams. Events and logs are stored under one subject per agent (see ownerSubjects), so that the bounds
// per subject are bounds per agent, and nobody's flood pushes out what others said.
const (
	eventsPerAgent = 20_000
	logsPerAgent   = 50_000
	maxEventSize   = 64 << 10
	maxLogSize     = 16 << 10
	eventsAge      = 90 * 24 * time.Hour
	logsAge        = 7 * 24 * time.Hour
	bucketSize     = 2 << 30
	// dedupeWindow is how long an event said again is stored once.
	dedupeWindow = 10 * time.Minute
)

// Provision makes sure, on a NATS server that the authority does not run itself, of all that Server.Provision does.
func Provision(ctx context.Context, url string, authority *Authority) error {
	return provision(ctx, authority, func(user adminUser) dialer { return user.remote(url) })
}

func provision(ctx context.Context, authority *Authority, dial func(adminUser) dialer) error {
	if err := renewClaims(ctx, authority, dial); err != nil {
		return fmt.Errorf("provision: renew account: %w", err)
	}
	user, err := authority.admin(authority.account)
	if err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	connection, err := dial(user)()
	if err != nil {
		return fmt.Errorf("provision: connect: %w", err)
	}
	defer connection.Close()
	stream, err := jetstream.New(connection)
	if err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	for _, configuration := range streams() {
		if err := ensure(ctx, stream, configuration); err != nil {
			return fmt.Errorf("provision stream %s: %w", configuration.Name, err)
		}
	}
	if err := ensureBuckets(ctx, stream, authority); err != nil {
		return err
	}
	return announce(ctx, connection, authority)
}

// ensure creates a stream or brings it up to its configuration. Asking first costs a tenth of an update that changes
// nothing.
func ensure(ctx context.Context, manager jetstream.JetStream, configuration jetstream.StreamConfig) error {
	_, err := manager.CreateOrUpdateStream(ctx, configuration)
	return err
}

func ensureBuckets(ctx context.Context, manager jetstream.JetStream, authority *Authority) error {
	authority.mutex.Lock()
	owners := append(authority.state.register.Vendors(), string(proto.RoleDeployer))
	authority.mutex.Unlock()
	slices.Sort(owners)
	for _, owner := range owners {
		if _, err := manager.Stream(ctx, bucketStream(owner)); err == nil {
			continue
		}
		_, err := manager.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
			Bucket: owner, MaxBytes: bucketSize, Description: "files for " + owner,
		})
		if err != nil {
			return fmt.Errorf("provision bucket of %s: %w", owner, err)
		}
	}
	return nil
}

// streams are the agency's streams. Nobody can delete from them, purge them or roll them up.
func streams() []jetstream.StreamConfig {
	guarded := jetstream.StreamConfig{
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		Duplicates: dedupeWindow, DenyDelete: true, DenyPurge: true, MaxBytes: -1, MaxMsgs: -1,
	}
	events, audit, logs := guarded, guarded, guarded

	events.Name, events.Description = streamEvents, "what happened"
	events.Subjects = []string{"evt.*.*.*"}
	events.SubjectTransform = ownerSubjects("evt.*.*.*", "evt")
	events.MaxMsgsPerSubject, events.MaxMsgSize, events.MaxAge = eventsPerAgent, maxEventSize, eventsAge

	audit.Name, audit.Description = streamAudit, "who did what"
	audit.Subjects = []string{"audit.>"}

	logs.Name, logs.Description = streamLogs, "log entries of the agents"
	logs.Subjects = []string{"log.*.*"}
	logs.SubjectTransform = ownerSubjects("log.*.*", "log")
	logs.MaxMsgsPerSubject, logs.MaxMsgSize, logs.MaxAge = logsPerAgent, maxLogSize, logsAge
	logs.Duplicates = 100 * time.Millisecond // entries bear no ids; the least that there is
	return []jetstream.StreamConfig{events, audit, logs}
}

// ownerSubjects stores what an agent publishes on any of its subjects under one.
func ownerSubjects(source, first string) *jetstream.SubjectTransformConfig {
	return &jetstream.SubjectTransformConfig{Source: source, Destination: first + ".{{wildcard(1)}}"}
}

// announce sends every agent the newest register.
func announce(ctx context.Context, connection *nats.Conn, authority *Authority) error {
	register, err := authority.Register()
	if err != nil {
		return fmt.Errorf("announce register: %w", err)
	}
	body, err := json.Marshal(register)
	if err != nil {
		return fmt.Errorf("announce register: %w", err)
	}
	if err := connection.Publish(proto.SubjectRegister, body); err != nil {
		return fmt.Errorf("announce register: %w", err)
	}
	if err := flush(ctx, connection); err != nil {
		return fmt.Errorf("announce register: %w", err)
	}
	return nil
}

// renewClaims tells the server of the account's newest revocations.
func renewClaims(ctx context.Context, authority *Authority, dial func(adminUser) dialer) error {
	if _, err := authority.Register(); err != nil {
		return err
	}
	token, err := authority.accountToken()
	if err != nil {
		return err
	}
	user, err := authority.admin(authority.system)
	if err != nil {
		return err
	}
	connection, err := dial(user)()
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer connection.Close()
	answer, err := connection.RequestWithContext(ctx, "$SYS.REQ.ACCOUNT."+authority.Account()+".CLAIMS.UPDATE", []byte(token))
	if err != nil {
		return err
	}
	var result struct {
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &result); err != nil {
		return fmt.Errorf("server answered %q: %w", answer.Data, err)
	}
	if result.Error != nil {
		return errors.New(result.Error.Description)
	}
	return nil
}

// flush waits until the server has worked off all that was sent so far.
func flush(ctx context.Context, connection *nats.Conn) error {
	if _, bounded := ctx.Deadline(); !bounded {
		limited, cancel := context.WithTimeout(ctx, defaultPatience)
		defer cancel()
		ctx = limited
	}
	return connection.FlushWithContext(ctx)
}
