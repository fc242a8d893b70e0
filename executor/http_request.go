package executor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/outbound"
)

const httpRequest = "http.request"

// httpAction sends one HTTP request and takes the answer.
type httpAction struct {
	client   *http.Client
	maxBytes int64
}

// httpInput is the action's input, which its schema has checked.
type httpInput struct {
	Method       string            `json:"method"`
	URL          string            `json:"url"`
	Query        map[string]any    `json:"query"`
	Headers      map[string]string `json:"headers"`
	JSON         json.RawMessage   `json:"json"`
	Body         *string           `json:"body"`
	Form         map[string]any    `json:"form"`
	ExpectStatus any               `json:"expect_status"`
}

func (h *httpAction) do(ctx context.Context, c *call) (result, error) {
	in, err := decodeHTTP(c.input)
	if err != nil {
		return result{}, err
	}
	req, err := newRequest(ctx, in, c.key())
	if err != nil {
		return result{}, failf(ordinaut.ReasonInputInvalid, "%s", err)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return result{}, unreached(ctx, req, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, h.maxBytes+1))
	if err != nil {
		return result{}, unreached(ctx, req, err)
	}
	if !expected(in.ExpectStatus, resp.StatusCode) {
		return result{}, refusal(req, resp, body)
	}
	out, err := h.answer(resp, body)
	return result{output: out}, err
}

func decodeHTTP(input map[string]any) (*httpInput, error) {
	raw, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	in := &httpInput{Method: http.MethodGet}
	if err := json.Unmarshal(raw, in); err != nil {
		return nil, failf(ordinaut.ReasonInputInvalid, "the input can't be read: %s", err)
	}
	if _, given := input["json"]; given && in.JSON == nil {
		in.JSON = json.RawMessage("null")
	}
	return in, nil
}

func newRequest(ctx context.Context, in *httpInput, key string) (*http.Request, error) {
	target, err := outbound.CheckURL(in.URL)
	if err != nil {
		return nil, err
	}
	if len(in.Query) > 0 {
		query := values(in.Query).Encode()
		if target.RawQuery != "" && query != "" {
			query = target.RawQuery + "&" + query
		}
		target.RawQuery = query
	}
	var body io.Reader
	kind := ""
	switch {
	case in.JSON != nil:
		body, kind = bytes.NewReader(in.JSON), "application/json"
	case in.Form != nil:
		body, kind = strings.NewReader(values(in.Form).Encode()), "application/x-www-form-urlencoded"
	case in.Body != nil:
		body = strings.NewReader(*in.Body)
	}
	req, err := http.NewRequestWithContext(ctx, in.Method, target.String(), body)
	if err != nil {
		return nil, errors.New("the request can't be made of this method and url")
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("User-Agent", "ordinaut")
	req.Header.Set("Idempotency-Key", key)
	for name, value := range in.Headers {
		if strings.EqualFold(name, "Host") {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	return req, nil
}

// values spells parameters as a query or form has them; null leaves one out.
func values(params map[string]any) url.Values {
	out := make(url.Values, len(params))
	for name, value := range params {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, v := range list {
			if v != nil {
				out.Add(name, plain(v))
			}
		}
	}
	return out
}

func plain(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// answer is the step's output: the body is the value itself when it is JSON.
func (h *httpAction) answer(resp *http.Response, body []byte) (json.RawMessage, error) {
	cut := int64(len(body)) > h.maxBytes
	length := int64(len(body))
	if cut {
		body = body[:h.maxBytes]
		length = max(length, resp.ContentLength)
	}
	headers := make(map[string]string, len(resp.Header))
	for name, list := range resp.Header {
		headers[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(list, ", "), "\uFFFD")
	}
	out := map[string]any{"status": resp.StatusCode, "headers": headers, "body": nil, "bytes": length, "truncated": cut}
	switch {
	case len(body) == 0:
	case !cut && isJSON(resp.Header.Get("Content-Type")) && json.Valid(body):
		out["body"] = json.RawMessage(body)
	default:
		out["body"] = strings.ToValidUTF8(string(body), "\uFFFD")
	}
	return json.Marshal(out)
}

func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

// expected reports whether the status is one that expect_status allows.
func expected(want any, status int) bool {
	switch want := want.(type) {
	case float64:
		return status == int(want)
	case []any:
		return slices.Contains(want, any(float64(status)))
	case string:
		from, to, _ := strings.Cut(want, "-")
		low, _ := strconv.Atoi(from)
		high, _ := strconv.Atoi(to)
		return low <= status && status <= high
	default:
		return status >= 200 && status <= 299
	}
}

// maxQuote bounds what of an unexpected answer is quoted in the step's error.
const maxQuote = 300

// refusal says what an answer means whose status was not expected.
func refusal(req *http.Request, resp *http.Response, body []byte) *failure {
	reason := ordinaut.ReasonActionFailed
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		reason = ordinaut.ReasonRateLimited
	case http.StatusUnauthorized, http.StatusForbidden:
		reason = ordinaut.ReasonPermissionDenied
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		reason = ordinaut.ReasonServerUnavailable
	}
	f := failf(reason, "%s answered %d %s", req.URL.Host, resp.StatusCode, http.StatusText(resp.StatusCode))
	if text := quote(body); text != "" {
		f.msg += ": " + text
	}
	f.retryAfter = outbound.RetryAfter(resp.Header, time.Now())
	return f
}

func quote(body []byte) string {
	text := strings.ToValidUTF8(string(body[:min(len(body), maxQuote)]), "")
	text = strings.Join(strings.Fields(text), " ")
	if len(body) > maxQuote {
		text += "…"
	}
	return text
}

// unreached says why no answer came. A network error is shown without the url, whose query may hold a
// secret.
func unreached(ctx context.Context, req *http.Request, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if refused, ok := errors.AsType[*outbound.DeniedError](err); ok {
		return failf(ordinaut.ReasonPermissionDenied, "%s", refused)
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return failf(ordinaut.ReasonServerUnavailable, "%s could not be reached: %s", req.URL.Host, unresolved(name))
	}
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err
	}
	return failf(ordinaut.ReasonServerUnavailable, "%s could not be reached: %s", req.URL.Host, err)
}

// unresolved says why a name has no address. The error's own words name the server that was asked,
// which is an address inside the operator's network.
func unresolved(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "the name has no address"
	case err.IsTimeout:
		return "the name servers did not answer in time"
	default:
		return "the name could not be looked up"
	}
}
