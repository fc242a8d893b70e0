package ordinaut_test

import (
	"strings"
	"testing"

	"github.com/ordinaut/ordinaut"
)

// A topic that may be published under is words joined by dots, short, and none of the program's own.
func TestTopicsAreChecked(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ topic, fault string }{
		{"email.received", ""},
		{"a", ""},
		{"-a_1.b-2", ""},
		{"tasks.done", ""},
		{"my.task.done", ""},
		{strings.Repeat("a", 200), ""},
		{strings.Repeat("a", 201), "201 bytes"},
		{"", "empty"},
		{"a..b", "words"},
		{".a", "words"},
		{"a.", "words"},
		{"A.b", "words"},
		{"a b", "words"},
		{"a.*", "words"},
		{"a\n", "words"},
		{"é", "words"},
		{"task.paused", "by Ordinaut itself"},
		{"task", "by Ordinaut itself"},
		{"run.x", "by Ordinaut itself"},
		{"approval.x", "by Ordinaut itself"},
		{"condition.met", "by Ordinaut itself"},
	} {
		err := ordinaut.CheckTopic(tc.topic)
		if (err != nil) != (tc.fault != "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
			t.Errorf("topic %q: %v, want a fault with %q", tc.topic, err, tc.fault)
		}
	}
}
