package libvirt

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/digitalocean/go-libvirt"

	"github.com/cloud-agency/agency/vendormodules"
)

// Console implements vendormodules.Console: what the machine wrote to its serial port, since the file was last rotated.
func (m *Module) Console(ctx context.Context, id string) (io.ReadCloser, error) {
	var printed bytes.Buffer
	where, read, err := m.locateMachine(id)
	if err == nil {
		_, err = where.machine(ctx, read.key)
	}
	if err == nil {
		err = where.stream(ctx, consoleName(read.key), func(daemon *libvirt.Libvirt, of libvirt.StorageVol) error {
			var content bytes.Buffer // one of its own, which nobody reads if the context ends meanwhile
			if err := daemon.StorageVolDownload(of, &content, 0, 0, 0); err != nil {
				return err
			}
			printed = content
			return nil
		})
	}
	if answers(err, libvirt.ErrNoStorageVol) { // it is still being made
		err = errors.Join(vendormodules.ErrConflict, err)
	}
	if err != nil {
		return nil, failed("console of", id, err)
	}
	return io.NopCloser(&printed), nil
}
