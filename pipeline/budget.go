package pipeline

import "errors"

// Bounds of what the expressions of one step may cost together.
const (
	maxWork       = 2 << 20 // nodes evaluated, members copied or compared, and 16 bytes of text each
	maxOutput     = 1 << 20 // bytes that rendering gives, as JSON
	maxValueDepth = 64      // levels of a value that an expression gives
)

var (
	errTooMuchWork = errors.New("takes too long: it goes through too many values; filter them first or split the step")
	errTooLarge    = errors.New("makes the input larger than 1 MiB")
	errNoNumber    = errors.New("gives no finite number, as after a division by zero")
)

// budget is what is left to one rendering. It is used by one goroutine.
type budget struct{ work, output int }

func newBudget() *budget { return &budget{work: maxWork, output: maxOutput} }

// spend pays for n units of work.
func (b *budget) spend(n int) error {
	if b.work -= n; n < 0 || b.work < 0 {
		return errTooMuchWork
	}
	return nil
}

// spendText pays for going through n bytes of text.
func (b *budget) spendText(n int) error { return b.spend(n/16 + 1) }

// produce pays for n bytes of output.
func (b *budget) produce(n int) error {
	if b.output -= n; b.output < 0 {
		return errTooLarge
	}
	return b.spendText(n)
}
