package ec2test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The services that are asked in JSON.
const (
	priceService = "AWSPriceListService"
	quotaService = "ServiceQuotasV20190624"
)

// question is what is asked of them.
type question struct {
	ServiceCode, QuotaCode, NextToken string
	Filters                           []struct{ Field, Value string }
}

// serveJSON answers the services that are asked in JSON, by the header that says what for.
func (a *Account) serveJSON(writer http.ResponseWriter, request *http.Request, target string) {
	var asked question
	service, action, _ := strings.Cut(target, ".")
	err := json.NewDecoder(request.Body).Decode(&asked)
	var body any
	if err == nil {
		a.mutex.Lock()
		body, err = a.actJSON(service, action, request.Header.Get("Authorization"), asked)
		a.mutex.Unlock()
	}
	writer.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err != nil {
		said := saidBy(err)
		writer.WriteHeader(statusOf(said.code))
		body = map[string]string{"__type": said.code, "message": said.message}
	}
	_ = json.NewEncoder(writer).Encode(body)
}

func (a *Account) actJSON(service, action, authorization string, asked question) (any, error) {
	if err := a.admit(action, authorization, "UnrecognizedClientException"); err != nil {
		return nil, err
	}
	switch {
	case service == priceService && action == "GetProducts" && !a.off(action):
		return a.getProducts(asked)
	case service == quotaService && action == "GetServiceQuota" && !a.off(action):
		return quota(asked, map[string]float64{"ec2/L-1216C47A": 96, "ec2/L-417A185B": 8})
	case service == quotaService && action == "GetAWSDefaultServiceQuota" && !a.off(action):
		return quota(asked, map[string]float64{"ebs/L-7A658B76": 50})
	}
	return nil, failed("UnknownOperationException", "")
}

func quota(asked question, values map[string]float64) (any, error) {
	value, found := values[asked.ServiceCode+"/"+asked.QuotaCode]
	if !found {
		return nil, failed("NoSuchResourceException", "The request failed because the specified quota does not exist.")
	}
	return map[string]any{"Quota": map[string]any{"ServiceCode": asked.ServiceCode, "QuotaCode": asked.QuotaCode, "Value": value}}, nil
}

// priceList are the products with their prices, each as a price, its unit, and attributes.
func priceList() []map[string]string {
	machine := func(name, price string, more ...string) map[string]string {
		attributes := map[string]string{
			"price": price, "unit": "Hrs", "productFamily": "Compute Instance", "instanceType": name, "operatingSystem": "Linux",
			"preInstalledSw": "NA", "tenancy": "Shared", "capacitystatus": "Used", "marketoption": "OnDemand",
		}
		for index := 0; index+1 < len(more); index += 2 {
			attributes[more[index]] = more[index+1]
		}
		return attributes
	}
	return []map[string]string{
		machine("t3.nano", "0.0057000000"), machine("t3.large", "0.0912000000"), machine("m5.xlarge", "0.2140000000"),
		machine("t4g.nano", "0.0046123456"), machine("t3.nano", "0.0103000000", "operatingSystem", "Windows"),
		machine("m5.xlarge", "9.9900000000", "tenancy", "Dedicated"), machine("t3.large", "0.0000000000", "capacitystatus", "AllocatedCapacityReservation"),
		{"price": "0.0880000000", "unit": "GB-Mo", "productFamily": "Storage", "volumeApiName": "gp3"},
		{"price": "0.1100000000", "unit": "GB-Mo", "productFamily": "Storage", "volumeApiName": "gp2"},
	}
}

func (a *Account) getProducts(asked question) (any, error) {
	if asked.ServiceCode != "AmazonEC2" {
		return nil, failed("InvalidParameterException", "ServiceCode")
	}
	var found []string
	for _, attributes := range priceList() {
		attributes["regionCode"] = "test-1"
		fits := !slices.ContainsFunc(asked.Filters, func(filter struct{ Field, Value string }) bool {
			return attributes[filter.Field] != filter.Value
		})
		if !fits {
			continue
		}
		type dimension map[string]any
		text, err := json.Marshal(map[string]any{
			"product": map[string]any{"productFamily": attributes["productFamily"], "attributes": attributes, "sku": "SKU"},
			"terms": map[string]any{
				"OnDemand": map[string]any{"SKU.T": map[string]any{"priceDimensions": map[string]any{"SKU.T.D": dimension{
					"unit": attributes["unit"], "beginRange": "0", "endRange": "Inf", "pricePerUnit": map[string]string{"USD": attributes["price"]},
				}}}},
				"Reserved": map[string]any{"SKU.R": map[string]any{"priceDimensions": map[string]any{"SKU.R.D": dimension{
					"unit": "Quantity", "pricePerUnit": map[string]string{"USD": "500"},
				}}}},
			},
		})
		if err != nil {
			return nil, err
		}
		found = append(found, string(text))
	}
	from, _ := strconv.Atoi(asked.NextToken)
	answer := map[string]any{"FormatVersion": "aws_v1"}
	from = min(from, len(found))
	to := len(found)
	if a.Page > 0 && to-from > a.Page {
		to = from + a.Page
		answer["NextToken"] = strconv.Itoa(to)
	}
	answer["PriceList"] = found[from:to]
	return answer, nil
}
