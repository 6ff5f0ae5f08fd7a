-- Proposals as they stand, those that wait for somebody first, by when they expire. Grain: proposal.
-- Looked at by: approvals page. An unknown value is null, never 0.
SELECT * FROM gold.proposals
ORDER BY list_position(['submitted', 'draft', 'approved', 'exporting', 'exported'], state) NULLS LAST, expires_at, key
