package ec2

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"go.uber.org/zap"
	"gopkg.in/yaml.v3"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
	"github.com/cloud-agency/agency/vendormodules/remote"
	"github.com/cloud-agency/agency/vendormodules/services"
)

const (
	kindName = "ec2"
	// version of the module, and of the API.
	version = "1 (EC2 2016-11-15)"
)

// Kind is the module's kind.
func Kind() vendormodules.Kind {
	return vendormodules.Kind{
		Name: kindName,
		Check: func(node *yaml.Node) error {
			_, err := configure(node)
			return err
		},
		New: func(_ context.Context, node *yaml.Node, environment vendormodules.Environment) (vendormodules.Module, error) {
			return New(node, environment)
		},
	}
}

var (
	_ vendormodules.Module            = (*Module)(nil)
	_ vendormodules.Power             = (*Module)(nil)
	_ vendormodules.Attacher          = (*Module)(nil)
	_ vendormodules.Wrapper           = (*Module)(nil)
	_ vendormodules.Balancer          = (*Module)(nil)
	_ vendormodules.Meter             = (*Module)(nil)
	_ vendormodules.Console           = (*Module)(nil)
	_ vendormodules.Snapshotter       = (*Module)(nil)
	_ vendormodules.Imager            = (*Module)(nil)
	_ vendormodules.Resizer           = (*Module)(nil)
	_ vendormodules.Catalogue         = (*Module)(nil)
	_ vendormodules.CredentialChecker = (*Module)(nil)
)

// Module is one account in one region.
type Module struct {
	configuration configuration
	environment   vendormodules.Environment
	client        *ec2.Client
	balancing     *elb.Client
	monitoring    *cloudwatch.Client
	priceClient   *pricing.Client
	quotaClient   *servicequotas.Client
	lacks         *lacks
	closed        atomic.Bool
	// access is the way into machines.
	access *remote.Access

	flavors  *catalogue.Cache[[]catalogue.Flavor]
	images   *catalogue.Cache[[]catalogue.Image]
	place    *catalogue.Cache[place]
	capacity *catalogue.Cache[vendormodules.Usage]
	prices   *catalogue.Cache[prices]
	probed   *catalogue.Cache[struct{}]

	// grouping is held by who changes security groups; unswept says that some may be left that nothing needs.
	grouping chan struct{}
	unswept  atomic.Bool
	// creations count each begin and end of one of what may be swept; unsweepable is what was told last of a sweep that failed.
	creations   atomic.Int64
	unsweepable string

	mutex sync.Mutex
	// young are resources by id that listings may not show yet.
	young map[string]young
	// left are balancers that were deleted, which listings may still show, and until when.
	left map[string]time.Time
	// sampled is what was measured of things not long ago, by how the cloud knows them.
	sampled map[string]sampledAt
}

// keepPrices is how long the cloud's prices are kept, which it changes a few times a year.
const keepPrices = 24 * time.Hour

// New makes a module; it asks the cloud for nothing. The error is descriptors.Faults.
func New(node *yaml.Node, environment vendormodules.Environment) (*Module, error) {
	configuration, err := configure(node)
	if err != nil {
		return nil, err
	}
	if environment.Credentials == nil {
		return nil, errors.New("ec2: the module was given no credentials service")
	}
	if environment.Now == nil {
		environment.Now = time.Now
	}
	m := &Module{
		configuration: configuration, environment: environment,
		young: map[string]young{}, left: map[string]time.Time{}, sampled: map[string]sampledAt{},
	}
	m.access = remote.Open(environment.Directory, remote.Shown(m.Get))
	m.grouping = make(chan struct{}, 1)
	m.unswept.Store(true)
	if m.environment.Log == nil {
		m.environment.Log = zap.NewNop()
	}
	m.recallLacks()
	m.configuration.Types = slices.DeleteFunc(m.configuration.Types, func(kind descriptors.ResourceType) bool {
		return m.lacks.before[string(kind)] != ""
	})
	whole := services.Scope{Vendor: environment.Vendor}
	m.client, m.balancing = m.connect(whole), m.connectBalancing(whole)
	m.monitoring = m.connectMonitoring(whole)
	m.priceClient, m.quotaClient = m.connectPrices(whole), m.connectQuotas(whole)
	keep := catalogue.CacheOptions{
		Keep: time.Duration(configuration.Refresh), Stale: 24 * time.Hour, Now: environment.Now,
	}
	m.flavors = catalogue.NewCache(m.fetchFlavors, keep)
	m.images = catalogue.NewCache(m.fetchImages, keep)
	m.place = catalogue.NewCache(m.fetchPlace, keep)
	m.capacity = catalogue.NewCache(m.fetchCapacity, keep)
	m.probed = catalogue.NewCache(m.probe, catalogue.CacheOptions{Keep: lackLife, Now: environment.Now})
	keep.Keep, keep.Stale = keepPrices, 7*keepPrices
	m.prices = catalogue.NewCache(m.fetchPrices, keep)
	return m, nil
}

// Quote implements vendormodules.Module.
func (m *Module) Quote(ctx context.Context, class descriptors.Class) (vendormodules.Quote, error) {
	if err := ctx.Err(); err != nil {
		return vendormodules.Quote{}, err
	}
	if refusal := m.configuration.Refuse(class, m.isolates()); refusal != nil {
		return vendormodules.Quote{}, *refusal
	}
	if _, _, err := m.probed.Get(ctx); err != nil {
		return vendormodules.Quote{}, err
	}
	if err := m.refuseLacking(class); err != nil {
		return vendormodules.Quote{}, err
	}
	terms, err := m.terms(ctx)
	if err != nil {
		return vendormodules.Quote{}, err
	}
	var flavor catalogue.Flavor
	if class.Type.RunsMachines() {
		if _, flavor, err = m.choose(ctx, class); err != nil {
			return vendormodules.Quote{}, err
		}
	}
	return terms.Quote(class, flavor)
}

// choose finds the image and the flavor of a class. The error is an sla.Refusal if there are none.
func (m *Module) choose(ctx context.Context, class descriptors.Class) (catalogue.Image, catalogue.Flavor, error) {
	images, _, err := m.images.Get(ctx)
	if err != nil {
		return catalogue.Image{}, catalogue.Flavor{}, err
	}
	image, err := m.configuration.Resolve(class, images)
	if err != nil {
		return image, catalogue.Flavor{}, err
	}
	flavor, err := m.flavor(ctx, class, image)
	return image, flavor, err
}

func (m *Module) flavor(ctx context.Context, class descriptors.Class, image catalogue.Image) (catalogue.Flavor, error) {
	flavors, _, err := m.flavors.Get(ctx)
	if err != nil {
		return catalogue.Flavor{}, err
	}
	return m.configuration.Prices.Cheapest(flavors, class, image)
}

// Close implements vendormodules.Module.
func (m *Module) Close() error {
	m.closed.Store(true)
	return nil
}
