package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// InsertPreview keeps a normalised schedule that was shown to an agent, for a day.
func (s *Store) InsertPreview(ctx context.Context, agent *ordinaut.Agent, schedule ordinaut.Schedule) (ordinaut.PreviewID, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	id := ordinaut.NewPreviewID()
	const insert = `INSERT INTO preview (namespace_id, id, agent_id, schedule) VALUES ($1, $2, $3, $4)`
	_, err := s.pool.Exec(ctx, insert, agent.NamespaceID, id, agent.ID, schedule)
	return id, translate(err)
}

// GetPreview returns the schedule that was shown to this agent within the last day under id, else
// not_found.
func (s *Store) GetPreview(ctx context.Context, agent *ordinaut.Agent, id ordinaut.PreviewID) (ordinaut.Schedule, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var schedule ordinaut.Schedule
	const lookup = `SELECT schedule FROM preview
WHERE namespace_id = $1 AND id = $2 AND agent_id = $3 AND created_at > statement_timestamp() - interval '24 hours'`
	err := s.pool.QueryRow(ctx, lookup, [16]byte(agent.NamespaceID), [16]byte(id), [16]byte(agent.ID)).Scan(&schedule)
	if errors.Is(err, pgx.ErrNoRows) {
		return schedule, &ordinaut.Error{
			Code: ordinaut.CodeNotFound, Pointer: "/preview_id",
			Msg: "no " + id.String() + " of yours within the last 24 hours: call preview_schedule again and take the preview_id of its answer",
		}
	}
	return schedule, translate(err)
}

// forgetPreviews deletes the previews older than a day. Served by preview_created_idx.
func (s *Store) forgetPreviews(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	_, err := s.pool.Exec(ctx, `DELETE FROM preview WHERE created_at < statement_timestamp() - interval '24 hours'`)
	return translate(err)
}
