package front_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/mcp/front"
)

// failing is a server whose prompt and template fail with err.
func failing(err error) *server.MCPServer {
	s := server.NewMCPServer("failing", "1", server.WithHooks(front.Hooks()))
	s.AddTool(mcp.NewTool("fail"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { return nil, err })
	s.AddPrompt(mcp.NewPrompt("fail"), func(context.Context, mcp.GetPromptRequest) (*mcp.GetPromptResult, error) { return nil, err })
	s.AddResourceTemplate(mcp.NewResourceTemplate("fixture://{id}", "fail"), func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return nil, err
	})
	return s
}

// An error of the domain that a handler returns reaches the client with its message and class, in every
// era; any other stays inside.
func TestHandlerErrorsAreTranslated(t *testing.T) {
	t.Parallel()
	const shown = "the run is in another state"
	wrap := func(code ordinaut.Code) error {
		return fmt.Errorf("%s: %w", secretText, &ordinaut.Error{Code: code, Msg: shown, Err: errors.New(secretText)})
	}
	for name, tc := range map[string]struct {
		err                  error
		modern, legacy, code int // HTTP statuses and JSON-RPC code
		resource             int // code of a resource in the legacy era
		want                 string
	}{
		"not found":  {wrap(ordinaut.CodeNotFound), 400, 200, -32602, -32002, shown},
		"invalid":    {wrap(ordinaut.CodeInvalidArgument), 400, 200, -32602, -32602, shown},
		"conflict":   {wrap(ordinaut.CodeConflict), 200, 200, -32000, -32000, shown},
		"internal":   {wrap(ordinaut.CodeInternal), 200, 200, -32603, -32603, "internal error"},
		"raw":        {errors.New(secretText), 200, 200, -32603, -32603, "internal error"},
		"scope":      {&front.ScopeError{Need: []string{"tasks:read", "tasks:write"}}, 403, 403, -32000, -32000, "tasks:read tasks:write"},
		"capability": {mcp.MissingRequiredClientCapabilityError{Capability: "elicitation"}, 400, 200, -32021, -32021, `"requiredCapabilities":{"elicitation":{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fx := newFixture(t, func(c *front.Config) { c.Server = failing(tc.err) })
			legacy := fx.handshake(t, "ann")
			for _, req := range []struct {
				method, header, params string
			}{
				{"tools/call", "fail", `"name":"fail"`},
				{"prompts/get", "fail", `"name":"fail"`},
				{"resources/read", "fixture://1", `"uri":"fixture://1"`},
			} {
				body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{%s`, req.method, req.params)
				r := fx.post(t, body+`,"_meta":`+modernMeta+`}}`, map[string]string{"Mcp-Method": req.method, "Mcp-Name": req.header})
				check := func(era string, r response, status, code int) {
					if r.status != status || r.code != code || !strings.Contains(r.body, tc.want) || strings.Contains(r.body, secretText) {
						t.Errorf("%s, %s: %d %s", era, req.method, r.status, r.body)
					}
					if scope := r.header.Get("WWW-Authenticate"); (status == http.StatusForbidden) != (scope == `Bearer error="insufficient_scope", scope="tasks:read tasks:write"`) {
						t.Errorf("%s, %s: challenge %q", era, req.method, scope)
					}
				}
				check("modern", r, tc.modern, tc.code)
				code := tc.code
				if req.method == "resources/read" {
					code = tc.resource
				}
				check("legacy", fx.post(t, body+"}}", legacy), tc.legacy, code)
			}
		})
	}
}

// The answer about a resource that does not exist names it.
func TestAbsentResource(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, func(c *front.Config) { c.Server = failing(nil) })
	body := `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"other://x","_meta":` + modernMeta + `}}`
	r := fx.post(t, body, map[string]string{"Mcp-Method": "resources/read", "Mcp-Name": "other://x"})
	if r.status != 400 || r.code != -32602 || !strings.Contains(r.body, `"uri":"other://x"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	odd := strings.ReplaceAll(body, "other://x", "other://<EVIL>")
	if r := fx.post(t, odd, map[string]string{"Mcp-Method": "resources/read", "Mcp-Name": "other://<EVIL>"}); r.code != -32602 || strings.Contains(r.body, "EVIL") {
		t.Errorf("odd URI: %d %s", r.status, r.body)
	}
}
