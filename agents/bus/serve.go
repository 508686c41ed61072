package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/zap"

	"github.com/cloud-agency/agency/proto"
	"github.com/cloud-agency/agency/sla"
)

const (
	defaultWorkers = 16
	// queuePerWorker is how many requests may wait for each worker before more are refused.
	queuePerWorker = 64
	// closePatience is how long a service that closes waits for the server to hear of it.
	closePatience = 5 * time.Second
	// serviceVersion is the protocol's, in the form that NATS services want.
	serviceVersion = "1.0.0"
)

// Endpoint is one subject that an agent answers on.
type Endpoint struct {
	// Name shows in "nats micro info".
	Name    string
	Subject string
	// Queue is the group of replicas of which one gets each request; by default the agent's name.
	Queue string
	// Accepts says which performatives are taken from which roles.
	Accepts map[proto.Performative][]proto.Role
	// Workers handle requests at the same time; by default 16. When they are busy and their queue is full, requests are
	// refused as unavailable.
	Workers int
	// Handle answers a message with one made by its Reply method; with the zero Message it gives no answer. Its context
	// ends with Serve's or when an answer could no longer be sent.
	Handle func(context.Context, proto.Message) proto.Message
}

// Service is a set of endpoints being served.
type Service struct {
	peer    *Peer
	micro   micro.Service
	pools   []*pool
	closing sync.Once
	closed  error
}

// Serve answers on endpoints until the service is closed, and serves when it returns. Requests that do not verify are
// logged and told as an event, and get no answer; one that cannot be read at all is answered not-understood, and one
// whose sender may not ask for it is refused.
func (p *Peer) Serve(ctx context.Context, endpoints ...Endpoint) (*Service, error) {
	service := &Service{peer: p}
	added, err := micro.AddService(p.connection, micro.Config{
		Name: serviceName(p.identity), Version: serviceVersion, Description: "Cloud Agency " + string(p.identity.Role),
	})
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", p.identity, err)
	}
	service.micro = added
	for _, endpoint := range endpoints {
		if err := service.add(ctx, endpoint); err != nil {
			return nil, errors.Join(fmt.Errorf("serve %s: %w", endpoint.Subject, err), service.Close())
		}
	}
	if err := flush(ctx, p.connection); err != nil && p.connection.IsConnected() {
		return nil, errors.Join(fmt.Errorf("serve %s: %w", p.identity, err), service.Close())
	}
	return service, nil
}

func (s *Service) add(ctx context.Context, endpoint Endpoint) error {
	if endpoint.Workers <= 0 {
		endpoint.Workers = defaultWorkers
	}
	if endpoint.Queue == "" {
		endpoint.Queue = s.peer.identity.Name
	}
	server := &endpointServer{peer: s.peer, endpoint: endpoint}
	pool := startPool(ctx, endpoint.Workers, endpoint.Workers*queuePerWorker, server.serve)
	s.pools = append(s.pools, pool)
	// The handlers of one endpoint run one after another, so this one only hands over.
	return s.micro.AddEndpoint(endpoint.Name, micro.HandlerFunc(func(request micro.Request) {
		if !pool.submit(request) {
			server.overloaded(ctx, request)
		}
	}), micro.WithEndpointSubject(endpoint.Subject), micro.WithEndpointQueueGroup(endpoint.Queue))
}

// Close takes no more requests, and returns when those taken have been answered. It may be called twice.
func (s *Service) Close() error {
	s.closing.Do(func() {
		if err := s.micro.Stop(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			s.closed = fmt.Errorf("stop service %s: %w", s.peer.identity, err)
		}
		// What comes from now on finds nobody, once the server knows. Where there is no connection nothing comes.
		if err := s.peer.connection.FlushTimeout(closePatience); err != nil && s.peer.connection.IsConnected() {
			s.peer.log.Warn("requests may still come to a service that is closed", zap.Error(err))
		}
		for _, pool := range s.pools {
			pool.close()
		}
	})
	return s.closed
}

// endpointServer works off the requests of one endpoint.
type endpointServer struct {
	peer     *Peer
	endpoint Endpoint
}

func (s *endpointServer) serve(ctx context.Context, request micro.Request) {
	ctx, cancel := context.WithTimeout(ctx, responseWindow)
	defer cancel()
	headers, body := map[string][]string(request.Headers()), request.Data()
	message, err := s.peer.verified(ctx, func() (proto.Message, error) { return s.peer.verifier.Verify(headers, body) })
	if err != nil {
		s.refuse(ctx, request, message, err)
		return
	}
	s.respond(ctx, request, message, s.answer(ctx, message))
}

// answer asks the handler, if the sender may ask for that.
func (s *endpointServer) answer(ctx context.Context, message proto.Message) (answer proto.Message) {
	if answer, asked := s.register(message); asked {
		return answer
	}
	if !slices.Contains(s.endpoint.Accepts[message.Performative], message.Sender.Role) {
		s.peer.refused(ctx, s.endpoint.Subject, message.Sender.String(), errNotAccepted)
		return proto.Refusing(message, proto.Refuse, sla.Refusal{
			Code:    sla.RefusedPermission,
			Message: fmt.Sprintf("%s does not take %s from %s", s.endpoint.Subject, message.Performative, message.Sender),
		})
	}
	defer func() {
		if fault := recover(); fault != nil {
			s.peer.log.Error("handler panicked", zap.String("subject", s.endpoint.Subject), zap.Any("fault", fault),
				zap.ByteString("stack", debug.Stack()))
			answer = internalFailure(message)
		}
	}()
	return s.endpoint.Handle(ctx, message)
}

// register answers whoever asks the broker for the register: trust is the bus's own affair.
func (s *endpointServer) register(message proto.Message) (proto.Message, bool) {
	if s.endpoint.Subject != proto.SubjectBrokerQuery || message.Performative != proto.QueryRef {
		return proto.Message{}, false
	}
	question, err := proto.Decode[proto.Question](message)
	if err != nil || question.Topic != proto.TopicRegister {
		return proto.Message{}, false
	}
	return proto.Answer(message, proto.Inform, s.peer.SignedRegister()), true
}

func internalFailure(message proto.Message) proto.Message {
	return proto.Refusing(message, proto.Failure, sla.Refusal{
		Code: sla.RefusedInternal, Message: "a fault of the agency; its log says more",
	})
}

// respond signs and sends an answer. One that cannot be sent as it is becomes a failure.
func (s *endpointServer) respond(ctx context.Context, request micro.Request, question, answer proto.Message) {
	if answer.Performative == "" || request.Reply() == "" {
		return
	}
	err := s.send(request, answer)
	if err == nil {
		return
	}
	s.peer.log.Error("answer not sent", zap.String("subject", s.endpoint.Subject), zap.Error(err))
	if errors.Is(err, ErrDisconnected) || ctx.Err() != nil {
		return // who asked will ask again
	}
	if err := s.send(request, internalFailure(question)); err != nil {
		s.peer.log.Error("failure not sent", zap.String("subject", s.endpoint.Subject), zap.Error(err))
	}
}

func (s *endpointServer) send(request micro.Request, answer proto.Message) error {
	answer.Sender, answer.ID = s.peer.identity, proto.FreshID()
	answer.Expires = s.peer.now().Add(AnswerLifetime)
	headers, err := answer.Seal(s.peer.signer)
	if err != nil {
		return err
	}
	return s.peer.send(&nats.Msg{Subject: request.Reply(), Header: headers, Data: answer.Body})
}

// refuse deals with what did not verify. It answers who cannot know better: what cannot be read is not understood, and a
// genuine message that came late says that clocks differ.
func (s *endpointServer) refuse(ctx context.Context, request micro.Request, message proto.Message, err error) {
	sender := firstHeader(request, proto.HeaderSender)
	s.peer.refused(ctx, s.endpoint.Subject, sender, err)
	switch {
	case errors.Is(err, proto.ErrMalformed):
		question := proto.Message{ReplyWith: firstHeader(request, proto.HeaderReplyWith)}
		if identity, parseErr := proto.ParseIdentity(sender); parseErr == nil {
			question.Sender = identity
		}
		s.respond(ctx, request, question, proto.Refusing(question, proto.NotUnderstood,
			sla.Refusal{Code: sla.RefusedBadRequest, Message: err.Error()}))
	case errors.Is(err, proto.ErrExpired):
		s.respond(ctx, request, message, proto.Refusing(message, proto.Refuse,
			sla.Refusal{Code: sla.RefusedExpired, Message: err.Error(), Hint: "set the clock"}))
	}
}

// overloaded refuses a request unread: reading it is what there is no time for.
func (s *endpointServer) overloaded(ctx context.Context, request micro.Request) {
	message, err := proto.Open(request.Headers(), request.Data())
	if err != nil {
		return
	}
	s.respond(ctx, request, message, proto.Refusing(message, proto.Refuse, sla.Refusal{
		Code: sla.RefusedUnavailable, Message: s.peer.identity.String() + " has too much to do", Hint: "ask again later",
	}))
}

func firstHeader(request micro.Request, name string) string {
	if values := request.Headers().Values(name); len(values) == 1 {
		return strings.ToValidUTF8(values[0], "?")
	}
	return ""
}
