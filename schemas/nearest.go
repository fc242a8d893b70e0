package schemas

import "strings"

// Nearest returns the name in names that name is most likely a slip of, or "" when none is near: at
// most two edits away for short names, three for long ones, or one the other's part after a dot.
func Nearest(name string, names []string) string {
	if len(name) == 0 || len(name) > 100 {
		return ""
	}
	limit := 1
	if len(name) > 3 {
		limit = 2
	}
	if len(name) > 8 {
		limit = 3
	}
	best, found := limit+1, ""
	for _, candidate := range names {
		if candidate == name || len(candidate) > 200 {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(candidate))
		if d >= len(candidate) {
			continue // nothing in common
		}
		if d < best || d == best && candidate < found {
			best, found = d, candidate
		}
	}
	if found != "" {
		return found
	}
	for _, candidate := range names {
		if _, tail, _ := strings.Cut(candidate, "."); tail != "" && strings.EqualFold(tail, name) {
			return candidate
		}
	}
	return ""
}

// distance counts the edits between a and b: insertions, deletions, replacements and swaps of
// neighbours (optimal string alignment), over bytes.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
