package mapreduce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// desk is how a worker speaks with the coordinator.
type desk struct {
	address, token string
	client         *http.Client
}

// errDenied is wrapped by the error of a worker whose token is not the coordinator's.
var errDenied = errors.New("the coordinator does not know this worker's token")

// ask sends a request and returns the answer, which is no fault.
func (d *desk) ask(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+d.address+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+d.token)
	answer, err := d.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the coordinator: %w", err)
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()                               // only read
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 500)) // what there is will do
	err = fmt.Errorf("the coordinator answers %s: %s", answer.Status, strings.TrimSpace(string(text)))
	switch answer.StatusCode {
	case http.StatusGone:
		err = fmt.Errorf("%w: %w", errGone, err)
	case http.StatusUnauthorized:
		err = errDenied
	}
	return nil, err
}

// tell sends something of which the answer says nothing.
func (d *desk) tell(ctx context.Context, method, path string, body io.Reader) error {
	answer, err := d.ask(ctx, method, path, body)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body) // so that the connection can be used again
	return errors.Join(err, answer.Body.Close())
}

// task asks for a task, and waits for one for a while; the assignment has no attempt if there is none.
func (d *desk) task(ctx context.Context, worker string) (assignment, error) {
	var task assignment
	answer, err := d.ask(ctx, http.MethodPost, "/tasks?worker="+url.QueryEscape(worker), http.NoBody)
	if err != nil {
		return task, err
	}
	if answer.StatusCode == http.StatusOK {
		err = json.NewDecoder(answer.Body).Decode(&task)
	}
	return task, errors.Join(err, answer.Body.Close())
}

// input is what an attempt has to read.
func (d *desk) input(ctx context.Context, attempt string) (io.ReadCloser, error) {
	answer, err := d.ask(ctx, http.MethodGet, "/attempts/"+attempt+"/input", http.NoBody)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// bring sends a part of an attempt's result.
func (d *desk) bring(ctx context.Context, attempt string, part int, content io.Reader) error {
	return d.tell(ctx, http.MethodPut, fmt.Sprintf("/attempts/%s/parts/%d", attempt, part), io.NopCloser(content))
}

func (d *desk) renew(ctx context.Context, attempt string) error {
	return d.tell(ctx, http.MethodPost, "/attempts/"+attempt+"/renew", http.NoBody)
}

func (d *desk) giveBack(ctx context.Context, attempt string) error {
	return d.tell(ctx, http.MethodPost, "/attempts/"+attempt+"/return", http.NoBody)
}

// end reports the end of an attempt, which failed if the report has a fault.
func (d *desk) end(ctx context.Context, attempt string, said report) error {
	body, err := json.Marshal(said)
	if err != nil {
		return err
	}
	verb := "/done"
	if said.Fault != "" {
		verb = "/failed"
	}
	return d.tell(ctx, http.MethodPost, "/attempts/"+attempt+verb, bytes.NewReader(body))
}
