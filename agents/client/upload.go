package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cloud-agency/agency/descriptors"
)

// uploadOwner holds the archives: the deployer, who hands them on to the vendors that need them.
const uploadOwner = "deployer"

// UploadFiles packs the files of every class that has any, by paths below the directory, and puts what is not there yet
// into the deployer's object store. It returns the archives' names by class, for a submission. The classes are those that
// the application is expanded to: the input of a map-reduce goes to its coordinator.
func (c *Client) UploadFiles(
	ctx context.Context, application descriptors.Application, directory string,
) (map[string]string, error) {
	uploads := map[string]string{}
	for class, described := range application.Expanded().Resources {
		if len(described.Files) == 0 {
			continue
		}
		name, err := c.uploadClass(ctx, directory, described.Files)
		var known *Error
		switch {
		case errors.As(err, &known):
			located := *known
			located.Message = fmt.Sprintf("%s: %s: %s", written(application, class), known.At, known.Message)
			located.At = ""
			return nil, &located
		case err != nil:
			return nil, fmt.Errorf("%s: %w", written(application, class), err)
		}
		uploads[class] = name
	}
	return uploads, nil
}

// written is where a person wrote what a class uploads.
func written(application descriptors.Application, class string) string {
	for name, described := range application.Resources {
		if described.Type == descriptors.MapReduce && descriptors.Coordinator(name) == class {
			return fmt.Sprintf("resources.%s.input", name)
		}
	}
	return fmt.Sprintf("resources.%s.files", class)
}

func (c *Client) uploadClass(ctx context.Context, directory string, files map[string]string) (string, error) {
	archive, err := os.CreateTemp("", "agency-upload-*.tar.gz")
	if err != nil {
		return "", fmt.Errorf("make room for the archive: %w", err)
	}
	defer func() {
		_ = archive.Close()
		_ = os.Remove(archive.Name())
	}()
	name, err := Pack(directory, files, archive)
	if err != nil {
		return "", err
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("read the archive: %w", err)
	}
	// The name is the content's hash: what is there under it already is the same, and is left as it is.
	if _, _, err := c.peer.PutObject(ctx, uploadOwner, name, archive); err != nil {
		return "", &Error{Code: CodeUnreachable, Message: fmt.Sprintf("cannot be uploaded: %v", err), cause: err}
	}
	return name, nil
}
