package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

const (
	// keyLife is how long a key made by Bootstrap is valid.
	keyLife = 90 * 24 * time.Hour
	// keyCacheFor is how long a key that was found valid is not looked up again; a revocation takes
	// effect within it.
	keyCacheFor = 3 * time.Second
	// keyCacheSize bounds the cache; when it is full it starts anew.
	keyCacheSize = 1024
	// bootstrapLock is the advisory lock that lets one Bootstrap at a time: "ordikeys" in ASCII.
	bootstrapLock = 0x6f7264696b657973
)

// keyCache remembers keys that were just found valid, by their hash. The key itself is kept nowhere.
type keyCache struct {
	mu    sync.Mutex // guards known
	known map[[sha256.Size]byte]cachedAgent
}

type cachedAgent struct {
	agent ordinaut.Agent
	until time.Time
}

func (c *keyCache) get(hash [sha256.Size]byte) (*ordinaut.Agent, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.known[hash]
	if !ok || time.Now().After(found.until) {
		return nil, false
	}
	agent := found.agent
	return &agent, true
}

func (c *keyCache) put(hash [sha256.Size]byte, agent ordinaut.Agent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= keyCacheSize {
		c.known = map[[sha256.Size]byte]cachedAgent{}
	}
	c.known[hash] = cachedAgent{agent: agent, until: time.Now().Add(keyCacheFor)}
}

// newKey returns a key, ord_<key id>_<43 characters>, with its id and hash. The secret part has 256
// random bits.
func newKey() (key, keyID string, hash [sha256.Size]byte) {
	var id [8]byte
	var secret [32]byte
	rand.Read(id[:])     //nolint:errcheck // never fails, by its documentation
	rand.Read(secret[:]) //nolint:errcheck // likewise
	keyID = hex.EncodeToString(id[:])
	key = "ord_" + keyID + "_" + base64.RawURLEncoding.EncodeToString(secret[:])
	return key, keyID, sha256.Sum256([]byte(key))
}

// keyIDOf returns the id in a key of the right form.
func keyIDOf(key string) (string, bool) {
	rest, ok := strings.CutPrefix(key, "ord_")
	if !ok {
		return "", false
	}
	id, secret, ok := strings.Cut(rest, "_")
	return id, ok && len(id) == 16 && len(secret) == 43
}

const anyLiveKey = `SELECT EXISTS (SELECT FROM api_key WHERE revoked_at IS NULL AND expires_at > clock_timestamp())`

// HasKey reports whether any valid API key exists: whether anybody could authenticate.
func (s *Store) HasKey(ctx context.Context) (bool, error) {
	var live bool
	err := s.pool.QueryRow(ctx, anyLiveKey).Scan(&live)
	return live, translate(err)
}

// Bootstrap makes the first agent of the namespace "default", with all scopes, and its key, which is
// valid for 90 days, shown here once and kept nowhere. While any valid key exists it refuses with
// conflict.
func (s *Store) Bootstrap(ctx context.Context, agentName string) (key string, agent ordinaut.Agent, err error) {
	if err := checkName(agentName); err != nil {
		return "", agent, err
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		var live bool
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(bootstrapLock)); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, anyLiveKey).Scan(&live); err != nil {
			return err
		}
		if live {
			return ordinaut.Errorf(ordinaut.CodeConflict, "a valid key exists already: another is made here only when none is left")
		}
		var err error
		if agent, err = ensureAgent(ctx, tx, agentName); err != nil {
			return err
		}
		made, keyID, hash := newKey()
		key = made
		const insert = `INSERT INTO api_key (namespace_id, key_id, agent_id, hash, expires_at)
VALUES ($1, $2, $3, $4, clock_timestamp() + $5::interval)`
		_, err = tx.Exec(ctx, insert, agent.NamespaceID, keyID, agent.ID, hash[:], keyLife)
		if err != nil {
			return err
		}
		return insertAudit(ctx, tx, auditRow{
			namespaceID: agent.NamespaceID, actor: "bootstrap", action: "create_key", object: agent.ID.String(), source: "local",
			detail: map[string]any{"key_id": keyID, "agent": agent.Name},
		})
	})
	if err != nil {
		return "", ordinaut.Agent{}, err
	}
	return key, agent, nil
}

// LocalAgent returns the agent of that name in the namespace "default", made if need be. It stands for
// whoever runs this process on a machine of their own, so it has every scope and needs no key.
func (s *Store) LocalAgent(ctx context.Context, name string) (*ordinaut.Agent, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	var agent ordinaut.Agent
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var err error
		agent, err = ensureAgent(ctx, tx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	// An agent stored by an older version, or one with a narrower key, has fewer.
	agent.Scopes = ordinaut.Scopes()
	return &agent, nil
}

func checkName(name string) error {
	if n := len(name); n < 1 || n > 100 {
		return ordinaut.Invalid("/name", "an agent's name has 1 to 100 bytes, this one has %d", n)
	}
	return nil
}

const agentByName = `SELECT a.namespace_id, a.id, a.name, a.scopes, a.created_at
FROM agent a JOIN namespace n ON n.id = a.namespace_id
WHERE n.name = $1 AND a.name = $2`

// ensureAgent returns the agent of that name in the namespace "default", with both made if need be.
func ensureAgent(ctx context.Context, tx pgx.Tx, name string) (ordinaut.Agent, error) {
	agent, err := queryOne[ordinaut.Agent](ctx, tx, agentByName, defaultNamespace, name)
	if !errors.Is(err, pgx.ErrNoRows) {
		return agent, err
	}
	if err := ensureNamespace(ctx, tx); err != nil {
		return agent, err
	}
	const insert = `INSERT INTO agent (namespace_id, id, name, scopes)
SELECT id, $2, $3, $4 FROM namespace WHERE name = $1
ON CONFLICT (namespace_id, name) DO NOTHING`
	if _, err := tx.Exec(ctx, insert, defaultNamespace, ordinaut.NewAgentID(), name, ordinaut.Scopes()); err != nil {
		return agent, err
	}
	return queryOne[ordinaut.Agent](ctx, tx, agentByName, defaultNamespace, name)
}

// agentByKey finds valid keys by their public part. Served by api_key_lookup_idx.
const agentByKey = `SELECT k.hash, a.namespace_id, a.id, a.name, a.scopes, a.created_at
FROM api_key k JOIN agent a ON a.namespace_id = k.namespace_id AND a.id = k.agent_id
WHERE k.key_id = $1 AND k.revoked_at IS NULL AND k.expires_at > clock_timestamp()`

// AgentByKey returns the agent that key proves. Whatever is wrong with a key, the answer is the same
// unauthenticated error. A key that was valid is believed for three seconds.
func (s *Store) AgentByKey(ctx context.Context, key string) (*ordinaut.Agent, error) {
	hash := sha256.Sum256([]byte(key))
	if agent, ok := s.keys.get(hash); ok {
		return agent, nil
	}
	refused := ordinaut.Errorf(ordinaut.CodeUnauthenticated, "the key is not valid")
	keyID, ok := keyIDOf(key)
	if !ok {
		return nil, refused
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	type row struct {
		Hash []byte `db:"hash"`
		ordinaut.Agent
	}
	rows, err := s.pool.Query(ctx, agentByKey, keyID)
	if err != nil {
		return nil, translate(err)
	}
	candidates, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		return nil, translate(err)
	}
	// An unknown key id costs a comparison too.
	candidates = append(candidates, row{Hash: make([]byte, sha256.Size)})
	for _, c := range candidates {
		if subtle.ConstantTimeCompare(c.Hash, hash[:]) == 1 {
			s.keys.put(hash, c.Agent)
			return &c.Agent, nil
		}
	}
	return nil, refused
}
