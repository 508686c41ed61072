package images

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cloud-agency/agency/vendormodules/ptc/images/kv"
	"github.com/cloud-agency/agency/vendormodules/ptc/images/web"
)

// validForward is a path of which everything below can be sent on.
var validForward = regexp.MustCompile(`^/([A-Za-z0-9_-]+/)+$`)

func runWeb(ctx context.Context, arguments []string) error {
	var listen string
	site := web.Site{Name: os.Getenv("NAME"), Address: os.Getenv("ADDRESS"), Forward: map[string]string{}}
	flags := flag.NewFlagSet("web", flag.ContinueOnError)
	flags.StringVar(&site.Root, "root", filepath.Join(os.Getenv("ROOT"), "srv", "site"), "directory of the files")
	flags.StringVar(&site.Database, "db", "", "key-value server that counts visits: `HOST:PORT`")
	flags.Func("forward", "send what is read below a path on to a server: `/PATH/=HOST:PORT`", func(text string) error {
		path, address, _ := strings.Cut(text, "=")
		if _, _, err := net.SplitHostPort(address); err != nil || !validForward.MatchString(path) || site.Forward[path] != "" {
			return errors.New("write it once as /PATH/=HOST:PORT")
		}
		site.Forward[path] = address
		return nil
	})
	if err := parse(flags, arguments, &listen); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	site.Root = guest(site.Root)
	fmt.Printf("web: %s serves %s at %s\n", site.Name, site.Root, listener.Addr())
	return web.Serve(ctx, listener, site)
}

func runKV(ctx context.Context, arguments []string) error {
	var listen, data string
	flags := flag.NewFlagSet("kv", flag.ContinueOnError)
	flags.StringVar(&data, "data", filepath.Join(os.Getenv("ROOT"), "var", "lib", "kv"), "directory of the data")
	if err := parse(flags, arguments, &listen); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	data = guest(data)
	fmt.Printf("kv: keeps %s, listens at %s\n", data, listener.Addr())
	return kv.Serve(ctx, listener, data)
}
