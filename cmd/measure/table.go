package measure

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
)

// WriteTable writes one line a summary, with the units in the head.
func WriteTable(w io.Writer, all []Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "measurement\tsystem\truns\trounds\truns/s\tlow…high\tlast tenth/s\tclient µs\tserver µs\tWAL bytes\tp50 ms\tp99 ms\t")
	for _, s := range all {
		spread := fmt.Sprintf("%s…%s", figure(s.Low), figure(s.High))
		perSecond := figure(s.PerSecond)
		if s.Paced { // the pace of these is the pauses'
			perSecond = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", s.Name, s.System, s.Runs, s.Rounds, perSecond, spread,
			figure(s.LastPerSecond), figure(s.ClientMicros), figure(s.ServerMicros), figure(s.WALBytes), figure(s.P50), figure(s.P99))
	}
	return t.Flush()
}

// figure shows three digits, more only left of the point.
func figure(v float64) string {
	switch {
	case v == 0:
		return "-"
	case math.Abs(v) >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}
