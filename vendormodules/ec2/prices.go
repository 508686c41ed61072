package ec2

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/aws/aws-sdk-go-v2/service/pricing/types"

	"github.com/cloud-agency/agency/descriptors/quantity"
	"github.com/cloud-agency/agency/vendormodules/catalogue"
)

// prices are what the cloud says that things cost, on demand and in the region.
type prices struct {
	flavors map[string]quantity.Rate
	// storage of volumes of the configured type, a GiB and month; zero where it is not told.
	storage quantity.Money
}

// priceCurrency is what a region's prices are told in.
func priceCurrency(region string) quantity.Currency {
	if strings.HasPrefix(region, "cn-") {
		return "CNY"
	}
	return "USD"
}

// fetchPrices reads the cloud's price list. There are none where the cloud has no such list, or where the configuration's
// prices are in another currency: a vendor has one.
func (m *Module) fetchPrices(ctx context.Context) (prices, error) {
	told := prices{flavors: map[string]quantity.Rate{}}
	currency := priceCurrency(m.configuration.Region)
	if m.configuration.absence(priceList) != "" || m.lacking(string(priceList)) != "" || m.configuration.Prices.Currency != currency {
		return told, nil
	}
	err := m.eachProduct(ctx, map[string]string{
		"productFamily": "Compute Instance", "operatingSystem": "Linux", "preInstalledSw": "NA", "tenancy": "Shared",
		"capacitystatus": "Used", "marketoption": "OnDemand",
	}, func(one product) error {
		price, err := one.price("Hrs", currency)
		if err == nil && price.Micros > 0 {
			told.flavors[one.Product.Attributes["instanceType"]] = quantity.Rate{PerHour: price}
		}
		return err
	})
	if err == nil {
		err = m.eachProduct(ctx, map[string]string{"productFamily": "Storage", "volumeApiName": m.configuration.VolumeType}, func(one product) error {
			price, err := one.price("GB-Mo", currency)
			if price.Micros > told.storage.Micros {
				told.storage = price
			}
			return err
		})
	}
	if err != nil && m.dispensable(string(priceList), err) {
		return told, nil
	}
	return told, fault("read the price list", err)
}

// product is an entry of the price list.
type product struct {
	Product struct {
		Attributes map[string]string `json:"attributes"`
	} `json:"product"`
	Terms struct {
		OnDemand map[string]struct {
			Dimensions map[string]struct {
				Unit  string            `json:"unit"`
				Begin string            `json:"beginRange"`
				Price map[string]string `json:"pricePerUnit"`
			} `json:"priceDimensions"`
		} `json:"OnDemand"`
	} `json:"terms"`
}

// price is what the first of so many units costs on demand, rounded up to the micro-unit; zero if that is not told.
func (p product) price(unit string, currency quantity.Currency) (quantity.Money, error) {
	price := quantity.Money{Currency: currency}
	for _, term := range p.Terms.OnDemand {
		for _, dimension := range term.Dimensions {
			text, told := dimension.Price[string(currency)]
			if !told || dimension.Unit != unit || dimension.Begin != "" && dimension.Begin != "0" {
				continue
			}
			amount, ok := new(big.Rat).SetString(text)
			if !ok || amount.Sign() < 0 {
				return price, fmt.Errorf("%q is no price", text)
			}
			amount.Mul(amount, big.NewRat(quantity.MicrosPerUnit, 1))
			micros, rest := new(big.Int).QuoRem(amount.Num(), amount.Denom(), new(big.Int))
			if rest.Sign() > 0 {
				micros.Add(micros, big.NewInt(1))
			}
			if !micros.IsInt64() {
				return price, fmt.Errorf("%s: %w", text, quantity.ErrOverflow)
			}
			price.Micros = max(price.Micros, micros.Int64())
		}
	}
	return price, nil
}

// eachProduct reads the region's products whose attributes are these.
func (m *Module) eachProduct(ctx context.Context, attributes map[string]string, do func(product) error) error {
	input := &pricing.GetProductsInput{ServiceCode: aws.String("AmazonEC2"), FormatVersion: aws.String("aws_v1")}
	attributes["regionCode"] = m.configuration.Region
	for name, value := range attributes {
		input.Filters = append(input.Filters, types.Filter{Type: types.FilterTypeTermMatch, Field: &name, Value: &value})
	}
	pages := pricing.NewGetProductsPaginator(m.priceClient, input)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, text := range page.PriceList {
			var one product
			if err := json.Unmarshal([]byte(text), &one); err != nil {
				return err
			}
			if err := do(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// terms are the configuration's, with what the cloud says where that leaves it out.
func (m *Module) terms(ctx context.Context) (catalogue.Terms, error) {
	terms := m.configuration.Terms
	told, _, err := m.prices.Get(ctx)
	if err == nil && !m.configuration.storagePriced && told.storage.Micros > 0 {
		terms.Prices.StorageGiBMonth = told.storage
	}
	return terms, err
}
