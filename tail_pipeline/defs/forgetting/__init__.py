"""What Dagster holds of a tenant, a node class or an agent, and how it is deleted there."""
