package descriptors_test

import (
	"fmt"
	"time"

	"github.com/cloud-agency/agency/descriptors"
)

// An application is read, every fault at once; what is sent to the vendors is derived from it.
func Example() {
	application, err := descriptors.ReadApplication("shop.yaml", []byte(`
name: shop
resources:
  web: { type: cluster, count: 2..6, image: static-web, run: [ "web --db ${db.address}:5432" ] }
  db:  { type: compute, image: kv-store }
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	waves, err := descriptors.Order(descriptors.Dependencies(application.Resources))
	fmt.Println(waves, err)

	call := descriptors.Call(application, "01JD5T8Q6Y", 1, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	text, err := descriptors.EncodeBytes(call)
	fmt.Printf("%s%v\n", text, err)
	// Output:
	// [[db] [web]] <nil>
	// id: 01JD5T8Q6Y
	// round: 1
	// currency: EUR
	// reply-by: 2026-11-21T12:00:00Z
	// classes:
	//   db:
	//     type: compute
	//     image: kv-store
	//     count: 1
	//     cores: 1
	//     memory: 512MiB
	//     architecture: x86_64
	//   web:
	//     type: cluster
	//     image: static-web
	//     count: 2..6
	//     cores: 1
	//     memory: 512MiB
	//     architecture: x86_64
	// <nil>
}

func ExampleReadApplication_faults() {
	_, err := descriptors.ReadApplication("shop.yaml", []byte(`name: shop
resources:
  web: { type: compute, image: static-web, memroy: 1GiB, volumes: { dta: /srv } }
  data: { type: volume, size: 2 }
`))
	fmt.Println(err)
	// Output:
	// shop.yaml:3:44  resources.web.memroy: no such field; did you mean "memory"?
	// shop.yaml:3:69  resources.web.volumes: "dta" is not a resource; there is "data"
	// shop.yaml:4:31  resources.data.size: "2" is not a size: sizes carry a unit; write 4GiB or 512MiB
}

func ExampleResolve() {
	command, err := descriptors.Resolve("web --listen $ADDRESS:8080 --db ${db.address}:5432",
		func(reference descriptors.Reference) (string, error) {
			return "127.83.2.11", nil
		})
	fmt.Println(command, err)
	// Output: web --listen $ADDRESS:8080 --db 127.83.2.11:5432 <nil>
}
