package front

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// What the scan accepts is what every other reader sees: valid JSON in valid UTF-8, whose routing
// members mean to the standard decoder what they mean to us. It never panics.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"ping"}`,
		`{"jsonrpc":"2.0","id":"a\u0062","method":"tools/call","params":{"name":"echo","arguments":{"a":[1,-0.5e3,"\ud83d\ude00",null,true,{}]},"_meta":{"progressToken":3}}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`,
		`{"jsonrpc":"2.0","id":1,"result":{}}`,
		`{"jsonrpc":"2.0","id":1,"error":{"code":1}}`,
		`{"jsonrpc":"2.0","id":1,"Method":"ping"}`,
		`{"jsonrpc":"2.0","id":1,"method":"ping","method":"x"}`,
		`{"jsonrpc":"2.0","id":1,"\u006dethod":"ping"}`,
		`[1]`, `{`, `{"a":}`, `{"a":01}`, `{"a":"\ud800"}`, `{"a":1,}`, " {} x", "\ufeff{}", "{\"\x00\":1}",
		strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m, flt := parse(in, 64, 1<<10)
		if (m == nil) == (flt == nil) {
			t.Fatalf("message %v and fault %v", m, flt)
		}
		if flt != nil {
			if !json.Valid(flt.encode()) {
				t.Fatalf("answer %s", flt.encode())
			}
			return
		}
		if !utf8.Valid(in) || !json.Valid(in) {
			t.Fatalf("accepted %q", in)
		}
		var seen struct {
			ID     json.RawMessage
			Method string
			Params struct {
				Name any
				Meta struct {
					Token json.RawMessage `json:"progressToken"`
				} `json:"_meta"`
			}
		}
		if err := json.Unmarshal(in, &seen); err != nil {
			return // params of a shape that the method's decoder refuses later
		}
		if string(seen.ID) != string(m.id) || seen.Method != m.method || string(seen.Params.Meta.Token) != string(m.token) {
			t.Fatalf("%q is read as %+v, not as id %s, method %q, token %s", in, seen, m.id, m.method, m.token)
		}
		if m.name != "" && seen.Params.Name != m.name {
			t.Fatalf("%q has name %v, not %q", in, seen.Params.Name, m.name)
		}
	})
}

// Whatever is not JSON is refused as a parse error, and every kind of JSON that is is accepted.
func TestScanAgreesWithGrammar(t *testing.T) {
	t.Parallel()
	wrap := func(v string) string { return `{"jsonrpc":"2.0","id":1,"method":"x","params":{"v":` + v + `}}` }
	for _, v := range []string{
		`0`, `-0`, `1.5`, `1e5`, `1E+5`, `-1.25e-7`, `01`, `1.`, `.5`, `+1`, `--1`, `1e`, `1e+`, `-`, `0x1`,
		`true`, `false`, `null`, `tru`, `True`, `nul`, `nulll`,
		`[]`, `[1]`, `[1,2]`, `[1,]`, `[,1]`, `[1 2]`, `[`, `[[]`,
		`{}`, `{"a":1}`, `{"a":1,"b":2}`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a" 1}`, `{"a":1 "b":2}`, `{1:2}`,
		`""`, `"\""`, `"\\"`, `"\/\b\f\n\r\t"`, `"\u00e9"`, `"\ud83d\ude00"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"`, `"\`, `"\"`, "\"\t\"", `'a'`,
	} {
		_, flt := parse([]byte(wrap(v)), 64, 1<<10)
		if valid := json.Valid([]byte(wrap(v))); valid != (flt == nil) {
			t.Errorf("%s: valid %v, fault %+v", v, valid, flt)
		} else if flt != nil && flt.code != codeParse {
			t.Errorf("%s: code %d", v, flt.code)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	body := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_task","arguments":{"title":"Morning briefing","schedule":{"kind":"cron","expr":"0 7 * * 1-5","timezone":"Europe/Chisinau"},"pipeline":[{"id":"a","uses":"http.request","with":{"url":"https://api.example.com/x?city=Chisinau"}},{"id":"b","uses":"llm.generate","with":{"prompt":"Plan my day: ${steps.a.body}"}}]},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"t"}}}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, f := parse(body, 64, 64<<10); f != nil {
			b.Fatal(f.msg)
		}
	}
}
