package downstream

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/ordinaut/ordinaut/executor/outbound"
)

// maxMessage bounds one message of a server: a line of a child's output, a line of an event stream, or
// the whole of an answer.
const maxMessage = 16 << 20

var errTooLong = errors.New("the server sent a message longer than 16 MiB")

// messageLimit passes on what it reads until a message is longer than limit; then it calls tooLong, if
// set, and ends. A message ends with a line or, in an event stream, with an empty one.
type messageLimit struct {
	from    io.ReadCloser
	limit   int
	events  bool
	tooLong func()

	message int // bytes of the message so far
	line    int // bytes of the line so far
	first   byte
	over    bool
}

func (l *messageLimit) Read(p []byte) (int, error) {
	if l.over {
		return 0, errTooLong
	}
	n, err := l.from.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		if l.line == 0 {
			l.first = rest[0]
		}
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			l.line += len(rest)
			l.message += len(rest)
			break
		}
		line := l.line + i
		empty := line == 0 || (line == 1 && l.first == '\r')
		if l.message+i > l.limit {
			l.message += i
			break
		}
		l.line = 0
		l.message += i
		if !l.events || empty {
			l.message = 0
		}
		rest = rest[i+1:]
	}
	if l.message > l.limit {
		l.over = true
		if l.tooLong != nil {
			l.tooLong()
		}
		return 0, errTooLong
	}
	return n, err
}

func (l *messageLimit) Close() error { return l.from.Close() }

// wholeLimit ends with errTooLong once more than limit bytes were read.
type wholeLimit struct {
	io.ReadCloser
	left int64
}

func (l *wholeLimit) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	l.left -= int64(n)
	if l.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// limitedTransport bounds answers and turns 429 and 503 into errors that keep their Retry-After.
type limitedTransport struct{ next http.RoundTripper }

func (t limitedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		resp.Body.Close()
		return nil, &busyError{resp.StatusCode, outbound.RetryAfter(resp.Header, time.Now())}
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/event-stream" {
		resp.Body = &messageLimit{from: resp.Body, limit: maxMessage, events: true}
	} else {
		resp.Body = &wholeLimit{resp.Body, maxMessage}
	}
	return resp, nil
}
