package ec2

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// service is one that the cloud may have beside EC2 itself, by the name that the configuration calls it.
type service string

const (
	balancing     service = "load-balancing"
	monitoring    service = "monitoring"
	priceList     service = "prices"
	serviceQuotas service = "quotas"
)

// serviceNames are all of them, sorted.
func serviceNames() []service { return []service{balancing, monitoring, priceList, serviceQuotas} }

// without is the word for an endpoint that there is none of.
const without = "none"

// absence says why a service is not there, as far as the configuration knows; empty if it is.
func (c *configuration) absence(of service) string {
	switch endpoint := c.Endpoints[of]; {
	case endpoint == without:
		return "the configuration says that there is none"
	case endpoint == "" && c.Endpoint != "":
		return "the configuration names no endpoint for it"
	}
	return ""
}

// credentialLife is how long a credential is used before it is looked up again.
const credentialLife = time.Minute

// sdk is what all clients have in common: the credential of a scope, which is looked up when it is needed. Retrying is the
// agent's.
func (m *Module) sdk(scope services.Scope) aws.Config {
	config := aws.Config{
		Region: m.configuration.Region, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			credential, err := m.environment.Credentials.Credential(ctx, scope)
			if err != nil {
				return aws.Credentials{}, err
			}
			return aws.Credentials{
				AccessKeyID: credential["access-key"].Reveal(), SecretAccessKey: credential["secret-key"].Reveal(),
				SessionToken: credential["session-token"].Reveal(), CanExpire: true, Expires: time.Now().Add(credentialLife),
			}, nil
		}),
	}
	if m.environment.HTTP != nil {
		config.HTTPClient = &http.Client{Transport: m.environment.HTTP}
	}
	return config
}

// at is the endpoint of a service; nil for Amazon's own.
func (m *Module) at(one service) *string {
	if endpoint := m.configuration.Endpoints[one]; endpoint != "" {
		return &endpoint
	}
	return nil
}

// connect makes a client of EC2 itself.
func (m *Module) connect(scope services.Scope) *ec2.Client {
	return ec2.NewFromConfig(m.sdk(scope), func(options *ec2.Options) {
		if m.configuration.Endpoint != "" {
			options.BaseEndpoint = &m.configuration.Endpoint
		}
	})
}

func (m *Module) connectBalancing(scope services.Scope) *elb.Client {
	return elb.NewFromConfig(m.sdk(scope), func(options *elb.Options) { options.BaseEndpoint = m.at(balancing) })
}

// connectMonitoring makes a client that speaks the older of the service's protocols, as others than Amazon know no other.
func (m *Module) connectMonitoring(scope services.Scope) *cloudwatch.Client {
	return cloudwatch.NewFromConfig(m.sdk(scope), func(options *cloudwatch.Options) {
		options.BaseEndpoint, options.Protocol = m.at(monitoring), awsquery.New(schemas.GraniteServiceVersion20100801)
	})
}

func (m *Module) connectPrices(scope services.Scope) *pricing.Client {
	return pricing.NewFromConfig(m.sdk(scope), func(options *pricing.Options) {
		options.BaseEndpoint, options.Region = m.at(priceList), priceRegion(m.configuration.Region)
	})
}

func (m *Module) connectQuotas(scope services.Scope) *servicequotas.Client {
	return servicequotas.NewFromConfig(m.sdk(scope), func(options *servicequotas.Options) {
		options.BaseEndpoint = m.at(serviceQuotas)
	})
}

// priceRegion is one of the few that tell the prices of all others, not far from a region.
func priceRegion(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "cn-northwest-1"
	case strings.HasPrefix(region, "eu-"):
		return "eu-central-1"
	case strings.HasPrefix(region, "ap-"):
		return "ap-south-1"
	}
	return "us-east-1"
}
