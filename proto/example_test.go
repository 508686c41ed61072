package proto_test

import (
	"fmt"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/cloud-agency/agency/proto"
)

// A vendor answers a call; the broker, who has the register, makes sure that it did.
func Example() {
	account, _ := nkeys.CreateAccount()
	vendor, _ := nkeys.CreateUser()
	accountKey, _ := account.PublicKey()
	vendorKey, _ := vendor.PublicKey()
	register := proto.Register{Version: 1, Entries: map[string]proto.Entry{"vendor.ptc-athens": {Key: vendorKey}}}
	signed, err := register.Sign(account)
	if err != nil {
		panic(err)
	}

	message := proto.Message{
		Performative: proto.Refuse, Protocol: proto.ContractNet, Sender: proto.Vendor("ptc-athens"),
		Receiver: proto.Agent(proto.RoleBroker), ID: proto.FreshID(), Expires: time.Now().Add(30 * time.Second),
	}
	if err := proto.Encode(&message, refusal()); err != nil {
		panic(err)
	}
	headers, err := message.Seal(vendor)
	if err != nil {
		panic(err)
	}

	verifier, err := proto.NewVerifier(proto.Agent(proto.RoleBroker), accountKey, signed, time.Now)
	if err != nil {
		panic(err)
	}
	received, err := verifier.Verify(headers, message.Body)
	if err != nil {
		panic(err)
	}
	why, _ := proto.AsRefusal(received)
	fmt.Println(received.Sender, "refuses:", why.Message)
	_, err = verifier.Verify(headers, message.Body)
	fmt.Println(err != nil) // it is taken once
	// Output:
	// vendor.ptc-athens refuses: 6 web machines need 6 cores, 4 are free
	// true
}
