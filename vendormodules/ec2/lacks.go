package ec2

import (
	"encoding/json"
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cloud-agency/agency/vendormodules"
)

// lacksFile is where the module keeps, in its directory, what it found the cloud to lack. What it says of itself must not
// change while it is open, and it is opened without asking anybody.
const lacksFile = "lacks.json"

// lackLife is how long it is believed; then the cloud is asked again, which may have learned it meanwhile.
const lackLife = 7 * 24 * time.Hour

// lack is one thing that the cloud cannot do.
type lack struct {
	Reason   string    `json:"reason"`
	Endpoint string    `json:"endpoint"`
	Seen     time.Time `json:"seen"`
}

// lacks are the things that a cloud was found not to be able to do, by the names of capabilities.
type lacks struct {
	// before is why, of what was known when the module was opened; it does not change.
	before map[string]string

	mutex sync.Mutex
	found map[string]lack
	told  map[string]bool
}

// recallLacks reads what was found by those who opened the module before.
func (m *Module) recallLacks() {
	m.lacks = &lacks{before: map[string]string{}, found: map[string]lack{}, told: map[string]bool{}}
	content, err := os.ReadFile(filepath.Join(m.environment.Directory, lacksFile))
	if err != nil || json.Unmarshal(content, &m.lacks.found) != nil {
		return // it is found out again
	}
	maps.DeleteFunc(m.lacks.found, func(_ string, one lack) bool {
		return one.Endpoint != m.configuration.Endpoint || m.environment.Now().Sub(one.Seen) > lackLife
	})
	for name, one := range m.lacks.found {
		m.lacks.before[name] = one.Reason
	}
}

// lacking says why the cloud cannot do something; empty if nothing is known against it.
func (m *Module) lacking(name string) string {
	m.lacks.mutex.Lock()
	defer m.lacks.mutex.Unlock()
	return m.lacks.found[name].Reason
}

// learn says whether an error of a call means that the cloud lacks what it was asked for. If so that is told once and
// kept in mind.
func (m *Module) learn(name string, err error) bool {
	if !absent(err) {
		return false
	}
	reason := "nothing at the endpoint knows it"
	if code := codeOf(err); code != "" {
		reason = "the cloud answers " + code
	}
	m.note(name, reason, err)
	return true
}

// note tells once that the cloud lacks something, and keeps it in mind.
func (m *Module) note(name, reason string, err error) {
	l := m.lacks
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if _, known := l.found[name]; known {
		return
	}
	l.found[name] = lack{reason, m.configuration.Endpoint, m.environment.Now().UTC()}
	m.environment.Log.Warn("the cloud lacks something, which is done without",
		zap.String("lacking", name), zap.String("reason", reason), zap.Error(mapped(err)))
	content, failure := json.Marshal(l.found)
	if failure == nil && m.environment.Directory != "" {
		failure = os.WriteFile(filepath.Join(m.environment.Directory, lacksFile), content, 0o600)
	}
	if failure != nil {
		m.environment.Log.Warn("what the cloud lacks is not kept for the next time", zap.Error(failure))
	}
}

// dispensable says whether an error of a call may be done without: the cloud lacks what was asked for, or the account has
// no right to it, or there is no such endpoint. The latter two are told once, and may be otherwise at the next try.
func (m *Module) dispensable(name string, err error) bool {
	if m.learn(name, err) {
		return true
	}
	var unknown *net.DNSError
	if !errors.Is(mapped(err), vendormodules.ErrAuthentication) && !(errors.As(err, &unknown) && unknown.IsNotFound) {
		return false
	}
	m.lacks.mutex.Lock()
	defer m.lacks.mutex.Unlock()
	if !m.lacks.told[name] {
		m.lacks.told[name] = true
		m.environment.Log.Warn("the cloud does not tell something, which is done without", zap.String("lacking", name), zap.Error(mapped(err)))
	}
	return true
}
