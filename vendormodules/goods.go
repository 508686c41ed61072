package vendormodules

import (
	"time"

	"github.com/cloud-agency/agency/descriptors/quantity"
)

// Flavor is a size of machine that a cloud sells.
type Flavor struct {
	// ID is what the cloud is asked for, Name what people call it.
	ID     string         `json:"id" yaml:"id"`
	Name   string         `json:"name" yaml:"name"`
	Cores  int            `json:"cores" yaml:"cores"`
	Memory quantity.Bytes `json:"memory" yaml:"memory"`
	// Disk that comes with it; 0 where that is as large as the image wants it.
	Disk quantity.Bytes `json:"disk,omitempty" yaml:"disk,omitempty"`
	// Architecture as descriptors write it, x86_64 or arm64; empty for any.
	Architecture string `json:"architecture,omitempty" yaml:"architecture,omitempty"`
	// Price that the cloud tells, or that the configuration says; zero where neither does.
	Price quantity.Rate `json:"price,omitzero" yaml:"price,omitempty"`
}

// Image is a machine's disk that a cloud has to make others of.
type Image struct {
	ID   string `json:"id" yaml:"id"`
	Name string `json:"name" yaml:"name"`
	// Architecture as descriptors write it, x86_64 or arm64; empty where the cloud does not say.
	Architecture string `json:"architecture,omitempty" yaml:"architecture,omitempty"`
	// MinDisk and MinMemory are what a machine must have for it.
	MinDisk   quantity.Bytes `json:"min-disk,omitempty" yaml:"min-disk,omitempty"`
	MinMemory quantity.Bytes `json:"min-memory,omitempty" yaml:"min-memory,omitempty"`
	Created   time.Time      `json:"created,omitzero" yaml:"created,omitempty"`
	// Deprecated images are found by their id alone.
	Deprecated bool `json:"deprecated,omitempty" yaml:"deprecated,omitempty"`
}
