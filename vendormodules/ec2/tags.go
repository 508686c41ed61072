package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloud-agency/agency/vendormodules"
)

// The tags that everything bears which the module makes.
const (
	tagName       = "Name"
	tagAgency     = "agency"
	tagDeployment = "agency-deployment"
	tagClass      = "agency-class"
	tagAgreement  = "agency-agreement"
	tagKey        = "agency-key"
	// tagVolumes are those that an instance is to have once it runs.
	tagVolumes = "agency-volumes"
	// tagAddress is the elastic address that it is to have then.
	tagAddress = "agency-address"
)

// identity are the tags that say what a thing is to the agency, each with its value.
func identity(key, name string, tags vendormodules.Tags) [][2]string {
	return [][2]string{
		{tagName, name}, {tagAgency, tags.Agency}, {tagDeployment, tags.Deployment}, {tagClass, tags.Class},
		{tagAgreement, tags.Agreement}, {tagKey, key},
	}
}

// identified begins a resource with what its tags say.
func identified(value func(tag string) string) vendormodules.Resource {
	return vendormodules.Resource{
		Key: value(tagKey), Name: value(tagName), Tags: vendormodules.Tags{
			Agency: value(tagAgency), Deployment: value(tagDeployment), Class: value(tagClass), Agreement: value(tagAgreement),
		},
	}
}

// specification tags what is created, at its creation.
func specification(kind types.ResourceType, key, name string, tags vendormodules.Tags, more ...types.Tag) []types.TagSpecification {
	all := more
	for _, one := range identity(key, name, tags) {
		all = append(all, types.Tag{Key: aws.String(one[0]), Value: aws.String(one[1])})
	}
	return []types.TagSpecification{{ResourceType: kind, Tags: all}}
}

// tag is the value of a tag; empty if it is not there.
func tag(tags []types.Tag, key string) string {
	for _, one := range tags {
		if aws.ToString(one.Key) == key {
			return aws.ToString(one.Value)
		}
	}
	return ""
}

// tagged begins a resource with what its tags say.
func tagged(tags []types.Tag) vendormodules.Resource {
	return identified(func(name string) string { return tag(tags, name) })
}

// having filters by a tag.
func having(key, value string) []types.Filter {
	return []types.Filter{{Name: aws.String("tag:" + key), Values: []string{value}}}
}
