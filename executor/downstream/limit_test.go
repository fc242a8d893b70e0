package downstream

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// A message may be as long as the limit, whatever pieces it comes in, and not a byte longer.
func TestMessageLimit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in     string
		events bool
		over   bool
	}{
		{"1234567890\n1234567890\n", false, false},
		{"12345678901\n", false, true},
		{"1\n12345678901", false, true},
		{"12345\n12345\n\n1234\n1234\r\n\r\n1234\r\n", true, false},
		{"12345\n123456\n\n", true, true},
		{"12345\n12345\n12345\n", true, true},
		{strings.Repeat("x\n", 100), false, false},
	} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader} {
			told := 0
			l := &messageLimit{from: io.NopCloser(wrap(strings.NewReader(tc.in))), limit: 10, events: tc.events, tooLong: func() { told++ }}
			got, err := io.ReadAll(l)
			if over := errors.Is(err, errTooLong); over != tc.over || (told > 0) != tc.over || told > 1 {
				t.Errorf("%q by %s: error %v, told %d times, want over = %v", tc.in, name, err, told, tc.over)
			}
			if !tc.over && string(got) != tc.in {
				t.Errorf("%q by %s: got %q", tc.in, name, got)
			}
		}
	}
}
