-- The table for teams that have no trace store yet: one row per agent turn.
-- input, output, labels and user_feedback are what mining needs beside the ids and the time.
CREATE TABLE IF NOT EXISTS agent_spans (
    trace_id            text NOT NULL,
    span_id             text NOT NULL,
    session_id          text,
    agent               text,
    node_class          text,
    tenant              text,
    model               text,
    input               text NOT NULL,
    output              text,
    contexts            text[],
    labels              text[],
    start_time          timestamptz NOT NULL,
    end_time            timestamptz,
    feedback_time       timestamptz,
    rubric_score        double precision,
    ragas_faithfulness  double precision,
    rubric_sha          text,
    user_feedback       text CHECK (user_feedback IN ('thumbs_up', 'thumbs_down', 'regenerated', 'corrected')),
    correction          text,
    metadata            jsonb,
    PRIMARY KEY (trace_id, span_id)
);

-- A window is one range of the first index; late feedback is one range of the second.
CREATE INDEX IF NOT EXISTS agent_spans_start ON agent_spans (start_time, span_id);
CREATE INDEX IF NOT EXISTS agent_spans_feedback ON agent_spans (feedback_time) WHERE feedback_time IS NOT NULL;
