package openstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"github.com/cloud-agency/agency/vendormodules"
)

// listings is how often a listing is begun before it is given up.
const listings = 5

// allPages reads a listing to its end. Every page begins behind a marker, the last entry of the page before: if that is
// deleted in between, the service refuses the page, and the listing is begun again.
func allPages(ctx context.Context, pager pagination.Pager) (pagination.Page, error) {
	for begun := 1; ; begun++ {
		pages, err := pager.AllPages(ctx)
		switch {
		case !markerGone(err):
			return pages, err
		case begun == listings:
			return nil, fmt.Errorf("%w: entries of a listing were deleted while it was read, %d times in a row", vendormodules.ErrTransient, begun)
		}
	}
}

// markerGone says whether a service no longer knows the marker of a page. All say so in a text, and with one of two codes.
func markerGone(err error) bool {
	var answer gophercloud.ErrUnexpectedResponseCode
	return errors.As(err, &answer) && (answer.Actual == http.StatusBadRequest || answer.Actual == http.StatusNotFound) &&
		strings.Contains(strings.ToLower(string(answer.Body)), "marker")
}
