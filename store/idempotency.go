package store

import (
	"bytes"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// maxKeyBytes is the most an idempotency key may have.
const maxKeyBytes = 200

// rememberKey takes a key for a call, or takes over one that is older than a day. It gives no row when
// the key is in use; a call with the same key that is still going on is waited for.
const rememberKey = `INSERT INTO idempotency AS i (namespace_id, agent_id, key, tool, digest, object_id)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (namespace_id, agent_id, key) DO UPDATE
SET tool = excluded.tool, digest = excluded.digest, object_id = excluded.object_id, result = NULL, created_at = clock_timestamp()
WHERE i.created_at < clock_timestamp() - interval '24 hours'
RETURNING i.object_id`

// replay remembers the call's idempotency key for object. It returns object and false when the call is
// new, the first call's object and true when it is a repetition, and conflict when the key was used
// with other arguments or by another tool. The caller changes nothing when it is a repetition. A call
// that fails rolls back, and its key with it.
func replay(ctx context.Context, tx pgx.Tx, call ordinaut.Call, object [16]byte) ([16]byte, bool, error) {
	if call.IdempotencyKey == "" {
		return object, false, nil
	}
	if len(call.IdempotencyKey) > maxKeyBytes {
		return object, false, ordinaut.Invalid("/idempotency_key", "an idempotency key has at most %d bytes, this one has %d",
			maxKeyBytes, len(call.IdempotencyKey))
	}
	digest := call.Digest
	if digest == nil {
		digest = []byte{}
	}
	var taken [16]byte
	err := tx.QueryRow(ctx, rememberKey, call.Agent.NamespaceID, call.Agent.ID, call.IdempotencyKey, call.Tool, digest, object).Scan(&taken)
	if err == nil {
		return object, false, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return object, false, err
	}
	var tool string
	var first [16]byte
	var firstDigest []byte
	const lookup = `SELECT tool, digest, object_id FROM idempotency WHERE namespace_id = $1 AND agent_id = $2 AND key = $3`
	if err := tx.QueryRow(ctx, lookup, call.Agent.NamespaceID, call.Agent.ID, call.IdempotencyKey).Scan(&tool, &firstDigest, &first); err != nil {
		return object, false, err
	}
	if tool != call.Tool || !bytes.Equal(firstDigest, digest) {
		return object, false, &ordinaut.Error{
			Code: ordinaut.CodeConflict, Pointer: "/idempotency_key",
			Msg: "this idempotency key was used within 24 hours for a call with other arguments: repeat those, or take a fresh key",
		}
	}
	return first, true, nil
}

// rememberResult keeps with the call's idempotency key, if it has one, what it answers.
func rememberResult(ctx context.Context, tx pgx.Tx, call ordinaut.Call, result any) error {
	if call.IdempotencyKey == "" {
		return nil
	}
	const remember = `UPDATE idempotency SET result = $4 WHERE namespace_id = $1 AND agent_id = $2 AND key = $3`
	_, err := tx.Exec(ctx, remember, [16]byte(call.Agent.NamespaceID), [16]byte(call.Agent.ID), call.IdempotencyKey, result)
	return err
}

// recallResult reads what the first call with the key has answered into result. One of an older version of
// the program has left none, and leaves it as it is.
func recallResult(ctx context.Context, tx pgx.Tx, call ordinaut.Call, result any) error {
	const recall = `SELECT coalesce(result, '{}') FROM idempotency WHERE namespace_id = $1 AND agent_id = $2 AND key = $3`
	return tx.QueryRow(ctx, recall, [16]byte(call.Agent.NamespaceID), [16]byte(call.Agent.ID), call.IdempotencyKey).Scan(result)
}

// forgetKeys deletes the idempotency keys older than a day. Served by idempotency_created_idx.
func (s *Store) forgetKeys(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	_, err := s.pool.Exec(ctx, `DELETE FROM idempotency WHERE created_at < statement_timestamp() - interval '24 hours'`)
	return translate(err)
}
