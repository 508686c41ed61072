package ptc

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/cloud-agency/agency/vendormodules"
	"github.com/cloud-agency/agency/vendormodules/ptc/archive"
	"github.com/cloud-agency/agency/vendormodules/ptc/record"
)

// authorizedKeys is where a server of SSH looks for the keys of the machine's user.
const authorizedKeys = "/root/.ssh/authorized_keys"

// installKeys lets the class's keys log in, as soon as a server of SSH is run that asks. They go through the same door as
// all that a machine is given: links do not lead them out of it.
func (m *Module) installKeys(ctx context.Context, of record.Record) error {
	if len(of.Class.Keys) == 0 {
		return nil
	}
	content := []byte(strings.Join(of.Class.Keys, "\n") + "\n")
	var packed bytes.Buffer
	writer := tar.NewWriter(&packed)
	err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: path.Dir(authorizedKeys) + "/", Mode: 0o700})
	if err == nil {
		err = writer.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: authorizedKeys, Mode: 0o600, Size: int64(len(content)),
		})
	}
	if err == nil {
		_, err = writer.Write(content)
	}
	if err = errors.Join(err, writer.Close()); err == nil {
		err = m.target(of).UnpackFrom(ctx, &packed)
	}
	if errors.Is(err, archive.ErrEntry) {
		err = fmt.Errorf("%w: %w", err, vendormodules.ErrInvalid)
	}
	if err != nil {
		return fmt.Errorf("write the keys: %w", err)
	}
	return nil
}
