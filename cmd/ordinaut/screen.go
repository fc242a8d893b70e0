package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// screen writes for a person: coloured on a terminal, plain elsewhere.
type screen struct {
	w     io.Writer
	color bool
	scene int
	// barred reports whether the cursor stands behind a progress bar.
	barred bool
	// shown is the last quarter that a bar without a terminal has told.
	shown int
}

func newScreen(w io.Writer) *screen { return &screen{w: w, color: isTerminal(w)} }

// style wraps text in an SGR sequence when colours are on.
func (s *screen) style(sgr, text string) string {
	if !s.color {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

func (s *screen) bold(text string) string { return s.style("1", text) }
func (s *screen) dim(text string) string  { return s.style("2", text) }
func (s *screen) good(text string) string { return s.style("32", text) }
func (s *screen) bad(text string) string  { return s.style("31", text) }
func (s *screen) name(text string) string { return s.style("36", text) }
func (s *screen) state(text string) string {
	switch text {
	case "succeeded":
		return s.good(text)
	case "failed", "timed_out", "canceled":
		return s.bad(text)
	default:
		return s.style("33", text)
	}
}

// title opens the next scene.
func (s *screen) title(text string) {
	s.endBar()
	s.scene++
	fmt.Fprintf(s.w, "\n%s %s\n", s.style("1;35", fmt.Sprintf("%2d", s.scene)), s.bold(text))
}

// line writes one line of the scene.
func (s *screen) line(format string, args ...any) {
	s.endBar()
	fmt.Fprintf(s.w, "   "+format+"\n", args...)
}

// bar draws how far something is, in place on a terminal, at each quarter elsewhere.
func (s *screen) bar(percent float64, text string) {
	const width = 30
	full := min(width, max(0, int(percent/100*width)))
	drawn := "▕" + s.good(strings.Repeat("█", full)) + strings.Repeat("░", width-full) + "▏"
	row := fmt.Sprintf("   %s %3.0f %%  %s", drawn, percent, text)
	if s.color {
		fmt.Fprintf(s.w, "\r\x1b[K%s", row)
		s.barred = true
		return
	}
	if quarter := int(percent / 25); quarter != s.shown {
		s.shown = quarter
		fmt.Fprintln(s.w, row)
	}
}

func (s *screen) endBar() {
	if s.barred {
		fmt.Fprintln(s.w)
	}
	s.barred, s.shown = false, 0
}

// table writes rows in columns under a header. Cells may hold colours.
func (s *screen) table(header []string, rows [][]string) {
	s.endBar()
	widths := make([]int, len(header))
	for i, h := range header {
		widths[i] = utf8.RuneCountInString(h)
		for _, r := range rows {
			widths[i] = max(widths[i], visible(r[i]))
		}
	}
	write := func(cells []string, style func(string) string) {
		var b strings.Builder
		for i, c := range cells {
			b.WriteString(style(c))
			b.WriteString(strings.Repeat(" ", widths[i]-visible(c)+2))
		}
		fmt.Fprintf(s.w, "   %s\n", strings.TrimRight(b.String(), " "))
	}
	write(header, s.dim)
	for _, r := range rows {
		write(r, func(c string) string { return c })
	}
}

// visible counts the characters of text that take room, colours excluded.
func visible(text string) int {
	n, inside := 0, false
	for _, r := range text {
		switch {
		case r == '\x1b':
			inside = true
		case inside:
			inside = r != 'm'
		default:
			n++
		}
	}
	return n
}
