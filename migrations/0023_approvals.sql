-- Approvals: what a person is shown, until when it may be decided and what happens then. decision is NULL while
-- the approval is open; closed says that its run ended, or went on, before anybody decided.

ALTER TABLE approval
    ADD COLUMN task_id uuid NOT NULL,
    ADD COLUMN input jsonb,
    ADD COLUMN editable boolean NOT NULL DEFAULT false,
    ADD COLUMN on_timeout text NOT NULL DEFAULT 'deny' CHECK (on_timeout IN ('deny', 'approve', 'fail')),
    ADD COLUMN edited jsonb,
    ALTER COLUMN expires_at SET NOT NULL;
ALTER TABLE approval DROP CONSTRAINT approval_decision_check;
ALTER TABLE approval ADD CONSTRAINT approval_decision_check CHECK (decision IN ('approved', 'denied', 'expired', 'closed'));

-- Serves the list of what is open, newest first, and its count.
CREATE INDEX approval_open_idx ON approval (namespace_id, id) WHERE decision IS NULL;

-- Who had every scope until now has the one that goes with it.
UPDATE agent SET scopes = scopes || '{approvals:decide}'
WHERE scopes @> '{tasks:read,tasks:write,tasks:run,runs:read,runs:cancel,events:publish,servers:read}' AND NOT scopes @> '{approvals:decide}';
