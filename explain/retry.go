package explain

import "github.com/ordinaut/ordinaut"

// retry proposes to go on with a run where it ended.
func retry(j *judge, f finding) *Fix {
	return j.retryRun(f, "tries it again, from the step at which it ended")
}

// retryRun proposes retry_run for a finding that is about a run which ended; else, and for a probe, what makes
// up for it.
func (j *judge) retryRun(f finding, why string) *Fix {
	if f.run == nil || !f.run.State.Terminal() || f.run.Kind == ordinaut.RunProbe || j.Task.State == ordinaut.TaskDeleted {
		return makeUp(j, f)
	}
	return &Fix{Tool: "retry_run", Arguments: map[string]any{"run_id": f.run.ID.String()}, Why: why}
}

// retried returns the latest retry of a finding's run, as far as the history tells of it; nil if there is none.
func (j *judge) retried(f finding) *ordinaut.Run {
	var latest *ordinaut.Run
	for i := range j.Runs {
		r := &j.Runs[i]
		if f.run != nil && r.RetryOf == f.run.ID && (latest == nil || r.QueuedAt.After(latest.QueuedAt)) {
			latest = r
		}
	}
	return latest
}

// madeGood reports whether a retry of a finding's run has succeeded or is on its way.
func (j *judge) madeGood(f finding) bool {
	r := j.retried(f)
	return r != nil && (!r.State.Terminal() || r.State == ordinaut.RunSucceeded)
}

// retryEvidence tells which run a finding's run retries, and what became of the retry of it.
func (j *judge) retryEvidence(f finding) []Evidence {
	var all []Evidence
	if !f.run.RetryOf.IsZero() {
		all = append(all, Evidence{At: f.run.QueuedAt, What: "it retries an earlier run", ID: f.run.RetryOf.String()})
	}
	if r := j.retried(f); r != nil {
		all = append(all, Evidence{At: r.QueuedAt, What: "it was retried", ID: r.ID.String()})
		all = append(all, j.runEvidence(r)...)
	}
	return all
}
