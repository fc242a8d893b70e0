package front

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// errLineTooLong says that a line was longer than allowed. It has been skipped to its end.
var errLineTooLong = errors.New("line too long")

// lines reads lines of bounded length.
type lines struct {
	r     *bufio.Reader
	limit int
}

func newLines(r io.Reader, limit int) *lines {
	return &lines{r: bufio.NewReaderSize(r, 64<<10), limit: limit}
}

// next returns the next line that is not blank, without its end and not shared with later lines. The
// last line needs no end. The error is io.EOF at the end, and errLineTooLong for a line that was
// skipped, after which reading can go on.
func (l *lines) next() ([]byte, error) {
	for {
		line, err := l.read()
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

// read returns one line. Of a line that is too long no more than a buffer's worth is held.
func (l *lines) read() ([]byte, error) {
	var line []byte
	over := false
	for {
		part, err := l.r.ReadSlice('\n')
		if over = over || len(line)+len(part) > l.limit+1; !over {
			line = append(line, part...)
		} else {
			line = nil
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(line) == 0 && !over):
			return nil, err
		case over:
			return nil, errLineTooLong
		}
		return line, nil
	}
}
