package scheduler

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

const (
	phrasesFile = "testdata/phrases.txt"
	phrasesDoc  = "../docs/phrases.md"
)

// phraseSetting is a Wednesday, 12:17 in Chisinau.
//
//nolint:gochecknoglobals // constant
var phraseSetting = PhraseSetting{Now: at("2026-11-25T10:17:00Z"), Timezone: "Europe/Chisinau", Calendars: []string{"holidays", "school"}}

// phraseTable returns the lines of the table as they should be: what each phrase gives below it.
func phraseTable(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(phrasesFile)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSpace(string(raw)), "\n") {
		if strings.HasPrefix(line, "\t") {
			continue
		}
		b.WriteString(line + "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		phrase, err := ReadPhrase(line, phraseSetting)
		if err != nil {
			fmt.Fprintf(&b, "\tno: %v\n", err)
		}
		if phrase.Question != "" {
			fmt.Fprintf(&b, "\tasks: %s\n", phrase.Question)
		}
		for _, m := range phrase.Meanings {
			fmt.Fprintf(&b, "\t%s %s: %s\n", m.Schedule.Kind, strings.ReplaceAll(m.Schedule.Expr, "\n", " "), m.Words)
			for _, note := range m.Assumptions {
				fmt.Fprintf(&b, "\t\t%s\n", note)
			}
		}
	}
	return b.String()
}

// Law: each phrase of the table means what the table says, or asks it, or is refused with its reason.
func TestPhrases(t *testing.T) {
	t.Parallel()
	got := phraseTable(t)
	if *update {
		if err := os.WriteFile(phrasesFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(phrasesFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what the code gives (-file +code):\n%s", phrasesFile, diff)
	}
}

// The sections of the table keep what their headings promise.
func TestPhraseTableKeepsItsHeadings(t *testing.T) {
	t.Parallel()
	count, section := 0, ""
	for line := range strings.SplitSeq(phraseTable(t), "\n") {
		if heading, ok := strings.CutPrefix(line, "# "); ok {
			section = heading
		}
		if line == "" || strings.HasPrefix(line, "\t") || line[0] == '#' {
			continue
		}
		count++
		phrase, err := ReadPhrase(line, phraseSetting)
		got := "understood"
		switch {
		case err != nil:
			got = "refused"
		case phrase.Question != "":
			got = "asked about"
		}
		if got != section {
			t.Errorf("%q is %s, stands under %s", line, got, section)
		}
		checkPhrase(t, line, phrase, err)
	}
	if count < 120 {
		t.Errorf("the table has %d phrases, want at least 120", count)
	}
}

// checkPhrase checks what holds for whatever is read: one meaning or two to four and a question, the
// words are those of the plan, and what is answered is settled.
func checkPhrase(t *testing.T, text string, phrase Phrase, err error) {
	t.Helper()
	if err != nil {
		var public *ordinaut.Error
		if !errors.As(err, &public) || public.Code != ordinaut.CodeInvalidArgument || public.Pointer == "" {
			t.Errorf("%q: the error %v does not tell the caller what to correct", text, err)
		}
		return
	}
	if n := len(phrase.Meanings); (phrase.Question == "") != (n == 1) || n > maxMeanings {
		t.Errorf("%q: %d meanings and the question %q", text, n, phrase.Question)
	}
	for _, m := range phrase.Meanings {
		plan, again, err := Parse(m.Schedule, phraseSetting.Now)
		if err != nil {
			t.Errorf("%q: its schedule is refused: %v", text, err)
			continue
		}
		if diff := cmp.Diff(m.Schedule, again); diff != "" {
			t.Errorf("%q: parsed again it differs (-first +again)\n%s", text, diff)
		}
		if plan.Words() != m.Words {
			t.Errorf("%q: reads %q, the plan says %q", text, m.Words, plan.Words())
		}
	}
}

// The forms that an error offers are understood as they stand.
func TestPhraseFormsAreUnderstood(t *testing.T) {
	t.Parallel()
	setting := phraseSetting
	setting.Timezone = ""
	for _, form := range phraseForms() {
		phrase, err := ReadPhrase(form, setting)
		if err != nil || phrase.Question != "" {
			t.Errorf("%q: %v, asks %q", form, err, phrase.Question)
		}
	}
}

// A zone that neither the phrase nor the caller names is UTC, and said so; a wrong one is the caller's.
func TestPhraseZones(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		phrase, zone, want string
		leftOut            bool
	}{
		{"every day at 9:00", "", "UTC", true},
		{"every day at 9:00", "Asia/Tokyo", "Asia/Tokyo", false},
		{"every day at 9:00 Europe/Berlin time", "", "Europe/Berlin", false},
		{"every day at 9:00 in America/Argentina/Salta", "America/Argentina/Salta", "America/Argentina/Salta", false},
		{"daily at 9:00 UTC", "", "UTC", false},
	} {
		phrase, err := ReadPhrase(c.phrase, PhraseSetting{Now: phraseSetting.Now, Timezone: c.zone})
		if err != nil || len(phrase.Meanings) != 1 {
			t.Errorf("%q in %q: %+v, %v", c.phrase, c.zone, phrase, err)
			continue
		}
		if m := phrase.Meanings[0]; m.Schedule.Timezone != c.want || m.ZoneLeftOut != c.leftOut {
			t.Errorf("%q in %q: zone %q, left out %t", c.phrase, c.zone, m.Schedule.Timezone, m.ZoneLeftOut)
		}
	}
	_, err := ReadPhrase("every day at 9:00", PhraseSetting{Now: phraseSetting.Now, Timezone: "Berlin"})
	var public *ordinaut.Error
	if !errors.As(err, &public) || public.Pointer != "/timezone" {
		t.Errorf("a wrong timezone gave %v", err)
	}
}

// Anything is read in bounded time, and what is understood is a schedule that can be stored.
func FuzzPhrase(f *testing.F) {
	for line := range strings.SplitSeq(phraseSeeds(f), "\n") {
		if line != "" && !strings.HasPrefix(line, "\t") && line[0] != '#' {
			f.Add(line)
		}
	}
	f.Add(strings.Repeat("1,", 100))
	f.Add(strings.Repeat("every ", 34))
	f.Fuzz(func(t *testing.T, text string) {
		phrase, err := ReadPhrase(text, phraseSetting)
		checkPhrase(t, text, phrase, err)
	})
}

func phraseSeeds(f *testing.F) string {
	f.Helper()
	raw, err := os.ReadFile(phrasesFile)
	if err != nil {
		f.Fatal(err)
	}
	return string(raw)
}

// The page of phrases is this table.
func TestPhrasesAreDocumented(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(phrasesDoc)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- phrases -->\n", "<!-- end of phrases -->"
	before, rest, found := strings.Cut(string(raw), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the phrases", phrasesDoc)
	}
	want := before + begin + phraseRows(t) + end + after
	if *update {
		if err := os.WriteFile(phrasesDoc, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(raw), want); diff != "" {
		t.Errorf("%s is not what the code gives (-file +code); go test ./scheduler -run TestPhrases -update writes it anew:\n%s", phrasesDoc, diff)
	}
}

// phraseRows returns the table of phrases as Markdown.
func phraseRows(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	rows := strings.Split(strings.TrimSpace(phraseTable(t)), "\n")
	for n, line := range rows {
		switch {
		case strings.HasPrefix(line, "# "):
			fmt.Fprintf(&b, "\n| %s | |\n|---|---|\n", strings.TrimPrefix(line, "# "))
		case line == "", strings.HasPrefix(line, "\t"):
		default:
			end := n + 1 + slices.IndexFunc(append(rows[n+1:len(rows):len(rows)], ""), func(s string) bool { return !strings.HasPrefix(s, "\t") })
			var told []string
			for _, s := range rows[n+1 : end] {
				if strings.HasPrefix(s, "\t\t") {
					continue
				}
				told = append(told, strings.NewReplacer("|", `\|`, "*", `\*`).Replace(strings.TrimSpace(s)))
			}
			fmt.Fprintf(&b, "| %s | %s |\n", strings.ReplaceAll(line, "*", `\*`), strings.Join(told, "<br>"))
		}
	}
	return b.String() + "\n"
}
