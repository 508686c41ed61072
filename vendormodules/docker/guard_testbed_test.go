//go:build testbed

package docker_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/cloud-agency/agency/vendormodules/services"
	"github.com/cloud-agency/agency/vendormodules/vendortest"
)

// guard stands before an engine's socket as an engine's own TLS does: it lets in whoever shows a certificate that its
// authority has signed, by a line that can be made bad.
type guard struct {
	address   string
	line      *vendortest.HTTPLine
	authority *authority

	mutex sync.Mutex
	// credential is what the agency has stored.
	credential services.Credential
	good, bad  services.Credential
}

func newGuard(t *testing.T, socket string) *guard {
	t.Helper()
	ours, theirs := newAuthority(t), newAuthority(t)
	engine := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	g := &guard{line: &vendortest.HTTPLine{Base: engine}, authority: ours}
	g.good = ours.client(t)
	g.bad = theirs.client(t)
	g.bad["ca"] = g.good["ca"]
	g.credential = g.good
	certificate, key := ours.sign(t, "engine")
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(g.line.Proxy(&url.URL{Scheme: "http", Host: "engine"}))
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.pool, MinVersion: tls.VersionTLS12,
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of those who are not let in
	server.StartTLS()
	g.address = server.Listener.Addr().String()
	t.Cleanup(func() {
		server.Close()
		engine.CloseIdleConnections()
	})
	return g
}

func (g *guard) configuration() string {
	return "{ country: GR, hosts: [ { endpoint: 'tcp://" + g.address + "' } ] }"
}

// take lets the agency have a credential that the guard takes, or one that it does not.
func (g *guard) take(_ *testing.T, takes bool) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.credential = g.bad
	if takes {
		g.credential = g.good
	}
}

func (g *guard) shown() services.Credential {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.credential
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
	text        []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	template := template("authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err == nil {
		a.certificate, err = x509.ParseCertificate(raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.certificate)
	a.text = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	return a
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
}

func (a *authority) sign(t *testing.T, name string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.CreateCertificate(rand.Reader, template(name), a.certificate, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

// client is a credential of who may use the engine.
func (a *authority) client(t *testing.T) services.Credential {
	t.Helper()
	certificate, key := a.sign(t, "agency")
	return services.Credential{
		"ca": services.NewSecret(string(a.text)), "certificate": services.NewSecret(string(certificate)), "key": services.NewSecret(string(key)),
	}
}
