package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"

	"github.com/spf13/cobra"
)

func newCall(cfg *config) *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   "call TOOL [JSON]",
		Short: "Call one tool of a running server, as an MCP client",
		Long: `Call one tool of a running server, as an MCP client.

The result's structured content is printed as JSON; progress goes to stderr. The exit status is 5 when
the tool answered with an error. The key is ORDINAUT_API_KEY, or the one that serve wrote.`,
		Example: `  ordinaut call get_status
  ordinaut call preview_schedule '{"schedule": {"kind": "cron", "expr": "30 8 * * MON-FRI", "timezone": "Europe/Berlin"}}'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return fmt.Errorf("want a tool's name and, if it takes any, its arguments as one JSON object; not %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			arguments := json.RawMessage("{}")
			if len(args) == 2 {
				arguments = json.RawMessage(args[1])
				var object map[string]json.RawMessage
				if err := json.Unmarshal(arguments, &object); err != nil || object == nil {
					return fmt.Errorf("the arguments are not a JSON object: %s", args[1])
				}
			}
			key, err := cfg.apiKey()
			if err != nil {
				return err
			}
			if url == "" {
				url = endpoint(cfg.Addr)
			}
			s, err := dial(cmd.Context(), url, key)
			if errors.Is(err, syscall.ECONNREFUSED) {
				return fmt.Errorf("nothing answers at %s: start `ordinaut serve`", url)
			}
			if err != nil {
				return err
			}
			defer s.Close()
			a, err := s.call(cmd.Context(), args[0], arguments, func(p progressReport) {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s\n", p.Message)
			})
			if err != nil {
				return err
			}
			var pretty bytes.Buffer
			if json.Indent(&pretty, a.Result, "", "  ") != nil || pretty.Len() == 0 {
				pretty.Reset()
				pretty.WriteString(a.Text)
			}
			fmt.Fprintln(cmd.OutOrStdout(), pretty.String())
			if a.IsError {
				return errToolFailed
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "the server's MCP endpoint; default http://ADDR/mcp with ADDR from ORDINAUT_ADDR")
	return cmd
}
