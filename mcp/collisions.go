package mcp

import (
	"context"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
)

const (
	// closeBy is how near another task's time is a collision.
	closeBy = time.Minute
	// maxCollisions is how many are told.
	maxCollisions = 5
	// maxLooks bounds how many times of other tasks are computed for one preview.
	maxLooks = 5000
)

// collisionView is another task of the caller's that is due about when a previewed time is.
type collisionView struct {
	TaskID string `json:"task_id"`
	Title  string `json:"title"`
	At     string `json:"at"`
}

// collisions finds tasks of the caller's that are due within a minute of one of the times, the first
// such time of each.
func (s *Server) collisions(ctx context.Context, c *call, fires []scheduler.Fire) ([]collisionView, error) {
	if len(fires) == 0 {
		return nil, nil
	}
	tasks, err := s.cfg.Store.Neighbours(ctx, c.agent, fires[len(fires)-1].Due.Add(closeBy))
	if err != nil {
		return nil, err
	}
	var found []collisionView
	looks := 0
	for _, task := range tasks {
		plan, err := scheduler.Compile(task.Schedule)
		if err != nil || !hasTimes(task.Kind) || task.Kind == ordinaut.ScheduleCondition || len(found) == maxCollisions {
			continue // one that cannot be read is told of by the scheduler
		}
		for _, f := range fires {
			if looks++; looks > maxLooks {
				return found, nil
			}
			if at, ok := plan.Near(f.Due, closeBy); ok {
				found = append(found, collisionView{TaskID: task.ID.String(), Title: task.Title, At: stamp(at)})
				break
			}
		}
	}
	return found, nil
}
