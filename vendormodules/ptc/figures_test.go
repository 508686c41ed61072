package ptc_test

import (
	"fmt"
	"testing"

	"github.com/cloud-agency/agency/descriptors"
	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc"
)

// BenchmarkOperations takes the time of each call on a machine and on a volume.
func BenchmarkOperations(b *testing.B) {
	for name, class := range map[string]descriptors.Class{
		"machine": shell("exec sleep 86400"), "volume": {Type: descriptors.Volume, Size: size},
	} {
		b.Run(name, func(b *testing.B) { benchmarkOperations(b, class) })
	}
}

func benchmarkOperations(b *testing.B, class descriptors.Class) {
	module, err := ptc.New(b.Context(), nil, environment(b, b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := module.Close(); err != nil {
			b.Error(err)
		}
	}()
	operation := func(name string, act func(index int) error) {
		b.Run(name, func(b *testing.B) {
			for index := range b.N {
				if err := act(index); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	asked := func(kind string, index int) vendormodules.Request {
		return request(class, fmt.Sprintf("%s-%d", kind, index))
	}
	operation("create-and-delete", func(index int) error {
		resource, err := module.Create(b.Context(), asked("short", index))
		if err == nil {
			err = module.Delete(b.Context(), resource.ID)
		}
		return err
	})
	standing, err := module.Create(b.Context(), asked("standing", 0))
	if err != nil {
		b.Fatal(err)
	}
	operation("get", func(int) error { _, err := module.Get(b.Context(), standing.ID); return err })
	operation("list-of-one", func(int) error { _, err := module.List(b.Context()); return err })
	operation("measure", func(int) error { _, err := module.Measure(b.Context(), standing.ID); return err })
	if err := module.Delete(b.Context(), standing.ID); err != nil {
		b.Error(err)
	}
}
