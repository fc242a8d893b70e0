package explain

import "fmt"

// conditionSentence tells of a probe that asked for no run.
func conditionSentence(j *judge, f finding) string {
	s := fmt.Sprintf("Its condition was looked at at %s and asked for no run", j.moment(f.first))
	c := j.Condition
	if c == nil || c.ProbedAt == nil || f.run == nil || f.run.FinishedAt == nil || c.ProbedAt.Before(*f.run.StartedAt) {
		return ending(s)
	}
	switch {
	case c.Error != "":
		s += ", because it could not be told whether it is met: " + c.Error
	case !c.Met:
		s += ", because it was not met"
	case c.MetSince == nil:
	case c.Fired:
		s += ", because it has been met since " + j.moment(*c.MetSince) + " and had its run for that"
	case c.CooldownUntil != nil && c.CooldownUntil.After(j.Now):
		s += ", because of its cooldown, which ends at " + j.moment(*c.CooldownUntil)
	default:
		s += ", because it has been met only since " + j.moment(*c.MetSince) + " and has to hold for longer"
	}
	return ending(s)
}

func cooldownSentence(j *judge, f finding) string {
	s := j.subject(f) + " but started nothing, because that was within cooldown_seconds of its latest start"
	if r := j.Task.Spec.Schedule.Rules; r != nil && r.Condition != nil && r.Condition.CooldownSeconds > 0 {
		s += fmt.Sprintf(" (%d)", r.Condition.CooldownSeconds)
	}
	return ending(s)
}

func deadlineSentence(j *judge, f finding) string {
	return ending(fmt.Sprintf("It started nothing, because its condition was not met until its deadline, %s", j.moment(f.first)))
}
