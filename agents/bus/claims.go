package bus

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// claims are what a NATS server needs to know to admit an authority's agents.
type claims struct {
	operator *jwt.OperatorClaims
	// operatorToken and accounts (by public key) are the signed forms.
	operatorToken string
	accounts      map[string]string
}

func (a *Authority) claims() (claims, error) {
	if _, err := a.Register(); err != nil { // for the newest revocations
		return claims{}, err
	}
	operator := jwt.NewOperatorClaims(publicKey(a.operator))
	operator.Name = "cloud-agency"
	operator.SystemAccount = publicKey(a.system)
	token, err := operator.Encode(a.operator)
	if err != nil {
		return claims{}, fmt.Errorf("operator claims: %w", err)
	}
	account, err := a.accountToken()
	if err != nil {
		return claims{}, err
	}
	system := jwt.NewAccountClaims(publicKey(a.system))
	system.Name = "system"
	systemToken, err := system.Encode(a.operator)
	if err != nil {
		return claims{}, fmt.Errorf("system account claims: %w", err)
	}
	return claims{operator, token, map[string]string{a.Account(): account, publicKey(a.system): systemToken}}, nil
}

// accountToken is the account with its revocations.
func (a *Authority) accountToken() (string, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	account := jwt.NewAccountClaims(publicKey(a.account))
	account.Name = "agency-" + a.state.register.Agency
	account.Limits.JetStreamLimits = jwt.JetStreamLimits{
		MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit,
	}
	for key, since := range a.state.RevokedKeys {
		account.RevokeAt(key, since)
	}
	token, err := account.Encode(a.operator)
	if err != nil {
		return "", fmt.Errorf("account claims: %w", err)
	}
	return token, nil
}

// ServerConfiguration is the part of a nats-server's configuration file that makes it admit this authority's agents, for
// servers that are not embedded.
func (a *Authority) ServerConfiguration() (string, error) {
	claims, err := a.claims()
	if err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "operator: %s\nsystem_account: %s\nmax_payload: %d\nresolver: MEMORY\nresolver_preload: {\n",
		claims.operatorToken, publicKey(a.system), maxPayload)
	for account, token := range claims.accounts {
		fmt.Fprintf(&text, "  %s: %s\n", account, token)
	}
	text.WriteString("}\n")
	return text.String(), nil
}

// adminUser is a user of a few minutes, for what no agent may do: keeping streams and buckets, renewing claims.
type adminUser struct {
	token string
	key   nkeys.KeyPair
}

// adminLifetime is how long an administrative connection may last.
const adminLifetime = 5 * time.Minute

func (a *Authority) admin(account nkeys.KeyPair) (adminUser, error) {
	user, err := nkeys.CreateUser()
	if err != nil {
		return adminUser{}, err
	}
	claims := jwt.NewUserClaims(publicKey(user))
	claims.Name = "authority"
	claims.Expires = time.Now().Add(adminLifetime).Unix()
	token, err := claims.Encode(account)
	return adminUser{token, user}, err
}

// dialer opens a connection.
type dialer func() (*nats.Conn, error)

func (u adminUser) remote(url string) dialer {
	return func() (*nats.Conn, error) { return nats.Connect(url, u.options()...) }
}

func (u adminUser) inProcess(server nats.InProcessConnProvider) dialer {
	return func() (*nats.Conn, error) {
		return nats.Connect("", append(u.options(), nats.InProcessServer(server))...)
	}
}

func (u adminUser) options() []nats.Option {
	return []nats.Option{
		nats.Name("authority"), nats.NoReconnect(),
		nats.UserJWT(func() (string, error) { return u.token, nil }, signNonce(u.key)),
	}
}

// maxNonce is more than any NATS server's nonce.
const maxNonce = 64

// signNonce proves to a server who connects. It signs what looks like a nonce and nothing else: a server that may choose
// the text freely could have messages signed.
func signNonce(key interface{ Sign([]byte) ([]byte, error) }) nats.SignatureHandler {
	return func(nonce []byte) ([]byte, error) {
		if len(nonce) > maxNonce || strings.ContainsAny(string(nonce), "\r\n") {
			return nil, errors.New("server sent something else than a nonce to sign")
		}
		return key.Sign(nonce)
	}
}
