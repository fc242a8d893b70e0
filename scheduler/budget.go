package scheduler

// budget bounds a computation by what it does, not by how long that takes: a step looks at one day,
// one period or one time of day. When it is spent, the search that draws on it ends without a find.
type budget struct{ left int }

// Steps for one answer. A step takes some 10 to 30 ns.
const (
	// nextBudget is more than a next time needs, whatever the rule: a century has 36,525 days, and dates that
	// EXDATE takes away make a search go on.
	nextBudget = 160_000
	// countBudget is for finding the last time of a rule with COUNT.
	countBudget = 100_000
	// tallyBudget is more than the days of any stretch of time that a schedule can have.
	tallyBudget = 1 << 40
)

// spend takes steps from the budget and reports whether it held them.
func (b *budget) spend(steps int) bool {
	b.left -= steps
	return b.left >= 0
}
