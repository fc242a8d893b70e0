package front_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut/mcp/front"
)

// args wraps raw JSON as the arguments of an otherwise valid call.
func args(raw string) string {
	return strings.Replace(modernCall, `{"text":"hi"}`, raw, 1)
}

// Every hostile message gets an error of its class, whose text repeats nothing of it, and the next good
// call succeeds.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	nested := func(n int) string { return args(`{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`) }
	const canary = "EVIL"
	for name, tc := range map[string]struct {
		body         string
		status, code int
	}{
		"empty":                {"", 400, -32700},
		"truncated":            {"{", 400, -32700},
		"scalar":               {`"tools/call"`, 400, -32700},
		"null":                 {"null", 400, -32700},
		"batch":                {"[" + modernCall + "]", 400, -32600},
		"two values":           {modernCall + modernCall, 400, -32700},
		"trailing text":        {modernCall + "EVIL", 400, -32700},
		"byte order mark":      {"\ufeff" + modernCall, 400, -32700},
		"depth 64":             {nested(61), 200, 0},
		"depth 65":             {nested(62), 400, -32600},
		"depth 100000":         {nested(100000), 400, -32600},
		"NaN":                  {args(`{"x":NaN}`), 400, -32700},
		"huge number":          {args(`{"x":1e999}`), 400, -32600},
		"long number":          {args(`{"x":` + strings.Repeat("9", 5000) + `}`), 400, -32600},
		"invalid UTF-8":        {args("{\"text\":\"EVIL\xff\xfe\"}"), 400, -32700},
		"control character":    {args("{\"text\":\"EVIL\x01\"}"), 400, -32700},
		"raw NUL":              {args("{\"text\":\"EVIL\x00\"}"), 400, -32700},
		"duplicate in args":    {args(`{"EVIL":1,"EVIL":2}`), 400, -32600},
		"escaped duplicate":    {args(`{"EVIL":1,"\u0045VIL":2}`), 400, -32600},
		"deep duplicate":       {args(`{"x":[{"y":{"EVIL":1,"EVIL":2}}]}`), 400, -32600},
		"600000 duplicates":    {args(`{` + strings.Repeat(`"k":1,`, 150000) + `"k":1}`), 400, -32600},
		"duplicate method":     {strings.Replace(modernCall, `"id":1`, `"id":1,"method":"ping"`, 1), 400, -32600},
		"method by case":       {strings.Replace(modernCall, `"id":1`, `"id":1,"Method":"ping"`, 1), 400, -32600},
		"id by case":           {strings.Replace(modernCall, `"id"`, `"ID"`, 1), 400, -32600},
		"name by case":         {strings.Replace(modernCall, `"name":"echo"`, `"name":"echo","NAME":"EVIL"`, 1), 400, -32600},
		"only name by case":    {strings.Replace(modernCall, `"name"`, `"Name"`, 1), 400, -32600},
		"any member by case":   {strings.Replace(modernCall, `"name":"echo"`, `"name":"echo","cursor":"a","Cursor":"EVIL"`, 1), 400, -32600},
		"NUL in a member name": {strings.Replace(modernCall, `"method"`, `"method\u0000"`, 1), 400, -32600},
		"no jsonrpc":           {strings.Replace(modernCall, `"jsonrpc":"2.0",`, "", 1), 400, -32600},
		"jsonrpc 1":            {strings.Replace(modernCall, `"2.0"`, `"1.0"`, 1), 400, -32600},
		"id null":              {strings.Replace(modernCall, `"id":1`, `"id":null`, 1), 400, -32600},
		"id fraction":          {strings.Replace(modernCall, `"id":1`, `"id":1.5`, 1), 400, -32600},
		"id object":            {strings.Replace(modernCall, `"id":1`, `"id":{"a":1}`, 1), 400, -32600},
		"id too large":         {strings.Replace(modernCall, `"id":1`, `"id":9007199254740993`, 1), 400, -32600},
		"id huge":              {strings.Replace(modernCall, `"id":1`, `"id":99999999999999999999`, 1), 400, -32600},
		"id of 300 bytes":      {strings.Replace(modernCall, `"id":1`, `"id":"`+strings.Repeat("i", 300)+`"`, 1), 400, -32600},
		"no id":                {strings.Replace(modernCall, `"id":1,`, "", 1), 400, -32600},
		"method and result":    {strings.Replace(modernCall, `"id":1`, `"id":1,"result":{}`, 1), 400, -32600},
		"a response":           {`{"jsonrpc":"2.0","id":7,"result":{}}`, 400, -32600},
		"params is a list":     {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1,2]}`, 400, -32602},
		"tool of odd name":     {strings.Replace(modernCall, `"echo"`, `"../EVIL"`, 1), 400, -32602},
		"tool of long name":    {strings.Replace(modernCall, `"echo"`, `"`+strings.Repeat("e", 200)+`"`, 1), 400, -32602},
		"method of odd name":   {strings.Replace(modernCall, `tools/call`, `<EVIL>`, 1), 404, -32601},
		"version of odd form":  {strings.Replace(modernCall, `"2026-07-28"`, `"EVIL\n"`, 1), 400, -32602},
		"token of odd form":    {strings.Replace(modernCall, `"_meta":{`, `"_meta":{"progressToken":{},`, 1), 400, -32602},
		"100 envelope members": {strings.Replace(modernCall, `"id":1`, `"id":1`+members(100), 1), 400, -32600},
		"two MiB":              {args(`{"text":"` + strings.Repeat("a", 2<<20) + `"}`), 413, -32600},
	} {
		t.Run(name, func(t *testing.T) {
			r := fx.post(t, tc.body, nil)
			if r.status != tc.status || r.code != tc.code || strings.Contains(r.body, canary) || len(r.body) > 1000 {
				t.Errorf("%d %s, want %d and code %d", r.status, r.body, tc.status, tc.code)
			}
			if r := fx.post(t, modernCall, nil); r.status != http.StatusOK {
				t.Errorf("a good call afterwards: %d %s", r.status, r.body)
			}
		})
	}
}

func members(n int) string {
	var b bytes.Buffer
	for i := range n {
		b.WriteString(`,"m` + strings.Repeat("x", i) + `":1`)
	}
	return b.String()
}

// A chunked body without a length is cut off at the limit too.
func TestChunkedBodyIsLimited(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	body := struct{ *strings.Reader }{strings.NewReader(args(`{"text":"` + strings.Repeat("a", 8<<20) + `"}`))}
	if r := fx.do(t, http.MethodPost, body, nil); r.status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", r.status)
	}
}

// Text that no tool may receive makes a tool result that names the argument, not a protocol error.
func TestArgumentTextIsToolError(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	for name, raw := range map[string]string{
		"NUL":            `{"a":{"text":["ok","x\u0000y"]}}`,
		"lone surrogate": `{"a":{"text":["ok","\ud800"]}}`,
		"low surrogate":  `{"a":{"text":["ok","\udc00x"]}}`,
		"long":           `{"a":{"text":["ok","` + strings.Repeat("a", 64<<10+1) + `"]}}`,
	} {
		r := fx.post(t, args(raw), nil)
		if r.status != http.StatusOK || !strings.Contains(r.body, `"isError":true`) || !strings.Contains(r.body, `"pointer":"/a/text/1"`) || !strings.Contains(r.body, `"request_id":"req_`) ||
			!strings.Contains(r.body, `"resultType":"complete"`) || !strings.Contains(r.body, "invalid_argument") {
			t.Errorf("%s: %d %.300s", name, r.status, r.body)
		}
	}
	if r := fx.post(t, args(`{"text":"\ud83d\ude00 \u20ac"}`), nil); !strings.Contains(r.body, "ann:😀 €") {
		t.Errorf("pair: %s", r.body)
	}
}

// Heads that lie about the message, or come from where they should not, are refused by the right status.
func TestHostileHeads(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, func(c *front.Config) {
		c.AllowedHosts, c.AllowedOrigins = []string{"mcp.example"}, []string{"https://app.example"}
	})
	const version = "Mcp-Protocol-Version"
	for name, tc := range map[string]struct {
		header       map[string]string
		status, code int
	}{
		"good":                  {nil, 200, 0},
		"foreign host":          {map[string]string{"Host": "evil.example"}, 403, -32000},
		"host like ours":        {map[string]string{"Host": "localhost.evil.example"}, 403, -32000},
		"rebinding":             {map[string]string{"Host": "evil.example", "Origin": "http://evil.example"}, 403, -32000},
		"allowed host":          {map[string]string{"Host": "MCP.example:8443"}, 200, 0},
		"loopback host":         {map[string]string{"Host": "[::1]:8080"}, 200, 0},
		"foreign origin":        {map[string]string{"Origin": "https://evil.example"}, 403, -32000},
		"null origin":           {map[string]string{"Origin": "null"}, 403, -32000},
		"origin like ours":      {map[string]string{"Origin": "https://app.example.evil.example"}, 403, -32000},
		"allowed origin":        {map[string]string{"Origin": "https://app.example"}, 200, 0},
		"loopback origin":       {map[string]string{"Origin": "http://localhost:3000"}, 200, 0},
		"no credential":         {map[string]string{"Authorization": ""}, 401, -32000},
		"weak credential":       {map[string]string{"Authorization": "Bearer weak"}, 403, -32000},
		"broken authentication": {map[string]string{"Authorization": "Bearer broken"}, 500, -32603},
		"text body":             {map[string]string{"Content-Type": "text/plain"}, 415, -32600},
		"UTF-16 body":           {map[string]string{"Content-Type": "application/json; charset=utf-16"}, 415, -32600},
		"UTF-8 body":            {map[string]string{"Content-Type": "application/json; charset=UTF-8"}, 200, 0},
		"compressed body":       {map[string]string{"Content-Encoding": "gzip"}, 415, -32600},
		"unknown version":       {map[string]string{version: "1999-01-01"}, 400, -32022},
		"other version":         {map[string]string{version: "2025-11-25"}, 400, -32020},
		"no version":            {map[string]string{version: ""}, 400, -32020},
		"resumption":            {map[string]string{"Last-Event-ID": "1"}, 400, -32020},
		"wrong method":          {map[string]string{"Mcp-Method": "tools/list"}, 400, -32020},
		"no method":             {map[string]string{"Mcp-Method": ""}, 400, -32020},
		"wrong name":            {map[string]string{"Mcp-Name": "EVIL"}, 400, -32020},
		"no name":               {map[string]string{"Mcp-Name": ""}, 400, -32020},
		"malformed name":        {map[string]string{"Mcp-Name": "=?base64?!!!!?="}, 400, -32020},
		"encoded name":          {map[string]string{"Mcp-Name": "=?base64?ZWNobw==?="}, 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := fx.post(t, modernCall, tc.header)
			if r.status != tc.status || r.code != tc.code || strings.Contains(strings.ToLower(r.body), "evil") || strings.Contains(r.body, secretText) {
				t.Errorf("%d %s, want %d and code %d", r.status, r.body, tc.status, tc.code)
			}
			if r.header.Get("X-Request-Id") == "" || r.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("header %v", r.header)
			}
		})
	}
}

// What can be said once must not be said twice.
func TestRepeatedHeaders(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	for _, name := range []string{"Authorization", "Content-Type", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id", "Origin"} {
		r := fx.request(t, http.MethodPost, strings.NewReader(modernCall), nil)
		r.Header.Add(name, "http://localhost")
		r.Header.Add(name, "http://localhost")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusForbidden {
			t.Errorf("%s twice: status %d", name, res.StatusCode)
		}
	}
}

// Each era has its own methods of HTTP and of the protocol, and unknown ones are answered as it prescribes.
func TestMethods(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPut, http.MethodOptions, http.MethodTrace} {
		if r := fx.do(t, method, nil, nil); r.status != http.StatusMethodNotAllowed || r.header.Get("Allow") == "" {
			t.Errorf("%s: status %d, Allow %q", method, r.status, r.header.Get("Allow"))
		}
	}
	for _, method := range []string{"no/such", "initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/list"} {
		body := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{"uri":"a:b","_meta":` + modernMeta + `}}`
		r := fx.post(t, body, map[string]string{"Mcp-Method": method, "Mcp-Name": "a:b"})
		if r.status != http.StatusNotFound || r.code != -32601 {
			t.Errorf("%s: %d %s", method, r.status, r.body)
		}
	}
	discover := `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":` + modernMeta + `}}`
	r := fx.post(t, discover, map[string]string{"Mcp-Method": "server/discover", "Mcp-Name": ""})
	for _, want := range []string{`"2026-07-28"`, `"2025-11-25"`, `"2025-06-18"`, `"resultType":"complete"`, `"ttlMs"`, `"cacheScope"`, `"capabilities"`} {
		if r.status != http.StatusOK || !strings.Contains(r.body, want) {
			t.Errorf("server/discover: %d %s lacks %s", r.status, r.body, want)
		}
	}
	future := strings.ReplaceAll(modernCall, "2026-07-28", "2099-01-01")
	if r := fx.post(t, future, map[string]string{"Mcp-Protocol-Version": "2099-01-01"}); r.status != 400 || r.code != -32022 || !strings.Contains(r.body, `"supported":["2026-07-28"`) {
		t.Errorf("future version: %d %s", r.status, r.body)
	}
	bare := strings.Replace(modernCall, `,"io.modelcontextprotocol/clientCapabilities":{}`, "", 1)
	if r := fx.post(t, bare, nil); r.status != 400 || r.code != -32602 {
		t.Errorf("no capabilities: %d %s", r.status, r.body)
	}
	if r := fx.post(t, args("null"), nil); r.status != 200 {
		t.Errorf("null arguments: %d %s", r.status, r.body)
	}
}

// A body that never ends holds its caller's place, and a stranger's connection, for the time that a
// message has, and not longer.
func TestEndlessBodiesAreCutOff(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, func(c *front.Config) { c.MaxConcurrent, c.ReadTimeout = 1, 50*time.Millisecond })
	for name, tc := range map[string]struct {
		caller string
		want   int
	}{
		"known":    {"ann", http.StatusRequestTimeout},
		"stranger": {"bad", http.StatusUnauthorized},
	} {
		body, stall := io.Pipe()
		defer stall.Close()
		go io.WriteString(stall, modernCall[:20])
		if r := fx.do(t, http.MethodPost, body, map[string]string{"Authorization": "Bearer " + tc.caller}); r.status != tc.want {
			t.Errorf("%s: got %d %s, want %d", name, r.status, r.body, tc.want)
		}
	}
	if r := fx.post(t, modernCall, nil); r.status != http.StatusOK {
		t.Errorf("the next call got %d %s, want 200", r.status, r.body)
	}
}

// The time that a body has is over when it has arrived: a call may take longer.
func TestCallsOutlastTheTimeToRead(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, func(c *front.Config) { c.ReadTimeout = 50 * time.Millisecond })
	answered := make(chan response, 1)
	go func() {
		answered <- fx.post(t, strings.Replace(modernCall, `"echo"`, `"slow"`, 1), map[string]string{"Mcp-Name": "slow"})
	}()
	<-fx.entered
	timer := time.NewTimer(200 * time.Millisecond)
	defer timer.Stop()
	select {
	case err := <-fx.gone:
		t.Fatalf("the call was cancelled: %v", err)
	case <-timer.C:
	}
	fx.release <- struct{}{}
	if r := <-answered; r.status != http.StatusOK {
		t.Errorf("got %d %s, want 200", r.status, r.body)
	}
}
