package scheduler

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/ordinaut/ordinaut"
)

const icsExample = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20301225\r\nSUMMARY:Christmas\r\nEND:VEVENT\r\nEND:VCALENDAR"

// icsLine is a content line, unfolded: NAME;PARAMETER=VALUE:TEXT.
type icsLine struct {
	number int // of its first line in the text; 0: there is no such line
	name   string
	tzid   string
	kind   string // of parameter VALUE
	ranged bool   // it has parameter RANGE
	value  string
}

// badICS refuses a calendar because of a line.
func badICS(line int, example, format string, args ...any) *ordinaut.Error {
	if line > 0 {
		format, args = "line %d: "+format, append([]any{line}, args...)
	}
	return invalid("/ics", example, format, args...)
}

// asInvalid returns the error of ours in err.
func asInvalid(err error) *ordinaut.Error {
	if bad, ok := errors.AsType[*ordinaut.Error](err); ok {
		return bad
	}
	return ordinaut.Invalid("", "%s", err)
}

// icsLines gives the content lines of a text, one after another. It looks at each byte a few times.
type icsLines struct {
	rest   string
	number int
}

// next returns the next line that is not empty, or false at the end.
func (l *icsLines) next() (icsLine, bool, error) {
	for l.rest != "" {
		text, number := l.unfold()
		if text == "" {
			continue
		}
		line, err := parseICSLine(text, number)
		return line, true, err
	}
	return icsLine{}, false, nil
}

// unfold takes a line and those that continue it, which begin with a space or a tab.
func (l *icsLines) unfold() (string, int) {
	text := l.take()
	number := l.number
	if !l.folded() {
		return text, number
	}
	var b strings.Builder
	b.WriteString(text)
	for l.folded() {
		b.WriteString(l.take()[1:])
	}
	return b.String(), number
}

func (l *icsLines) folded() bool {
	return l.rest != "" && (l.rest[0] == ' ' || l.rest[0] == '\t')
}

// take takes one physical line, which ends in LF or CR LF.
func (l *icsLines) take() string {
	line, rest, _ := strings.Cut(l.rest, "\n")
	l.rest = rest
	l.number++
	return strings.TrimSuffix(line, "\r")
}

func parseICSLine(text string, number int) (icsLine, error) {
	line := icsLine{number: number}
	if !utf8.ValidString(text) {
		return line, badICS(number, "", "the text is not UTF-8")
	}
	end := strings.IndexAny(text, ";:")
	if end < 1 {
		return line, badICS(number, "DTSTART;VALUE=DATE:20301225", "%s is not a line of a calendar; want NAME:VALUE, and a space before what goes on from the line above", quote(text))
	}
	line.name = strings.ToUpper(text[:end])
	for rest := text[end:]; ; {
		if rest == "" {
			return line, badICS(number, "DTSTART;VALUE=DATE:20301225", "%s has no colon and no value", quote(line.name))
		}
		if rest[0] == ':' {
			line.value = rest[1:]
			return line, nil
		}
		parameter, after := cutParameter(rest[1:])
		line.parameter(parameter)
		rest = after
	}
}

// cutParameter returns text up to the first semicolon or colon outside quotes, and from there on.
func cutParameter(text string) (parameter, rest string) {
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case !quoted && (text[i] == ';' || text[i] == ':'):
			return text[:i], text[i:]
		}
	}
	return text, ""
}

func (l *icsLine) parameter(text string) {
	name, value, _ := strings.Cut(text, "=")
	value = strings.Trim(value, `"`)
	switch strings.ToUpper(name) {
	case "TZID":
		l.tzid = value
	case "VALUE":
		l.kind = strings.ToUpper(value)
	case "RANGE":
		l.ranged = true
	}
}

// unescaped is the text of a value: a backslash stands before commas, semicolons, itself and n.
func (l *icsLine) unescaped() string {
	if !strings.Contains(l.value, `\`) {
		return l.value
	}
	return strings.NewReplacer(`\\`, `\`, `\,`, `,`, `\;`, `;`, `\n`, " ", `\N`, " ").Replace(l.value)
}
